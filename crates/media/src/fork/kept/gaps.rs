//! What the receiver has to be told is missing, and how much that is in the end: one that goes back
//! behind a gap is told of it again, or sent what was in it after all.

use std::collections::VecDeque;

use super::{Chunks, Kept};

/// Gaps to which a receiver can go back exactly.
const MOST: usize = 64;

/// Messages that the receiver does not have and will not get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The first and the last sequence number.
    pub first: u64,
    pub last: u64,
    /// For each track: chunks before the gap, and chunks in it.
    pub before: Chunks,
    pub lost: Chunks,
}

/// The gaps that were told, oldest first.
#[derive(Debug, Default)]
pub struct Told {
    gaps: VecDeque<Gap>,
    /// Chunks in older ones.
    older: u64,
}

impl Told {
    fn add(&mut self, gap: Gap) {
        if self.gaps.len() == MOST
            && let Some(oldest) = self.gaps.pop_front()
        {
            self.older += oldest.chunks();
        }
        self.gaps.push_back(gap);
    }

    /// Whatever comes after this number is told, or sent, again.
    pub fn go_back(&mut self, last: u64) {
        while let Some(mut gap) = self.gaps.pop_back() {
            if gap.first > last {
                continue;
            }
            let (kept, all) = (last.min(gap.last) + 1 - gap.first, gap.last + 1 - gap.first);
            gap.lost = gap.lost.map(|lost| lost * kept / all);
            gap.last = gap.last.min(last);
            return self.gaps.push_back(gap);
        }
    }

    /// Chunks of all tracks in all of them.
    pub fn chunks(&self) -> u64 {
        self.older + self.gaps.iter().map(Gap::chunks).sum::<u64>()
    }
}

impl Gap {
    fn chunks(&self) -> u64 {
        self.lost.iter().sum()
    }
}

impl Kept {
    /// What the receiver has to be told of before the next message.
    pub fn gap(&self) -> Option<Gap> {
        (self.next > self.told + 1).then(|| {
            let before = self.chunks_before(self.told + 1);
            let after = self.chunks_before(self.next);
            Gap {
                first: self.told + 1,
                last: self.next - 1,
                before,
                lost: [0, 1].map(|track| after[track].saturating_sub(before[track])),
            }
        })
    }

    /// The gap was handed over.
    pub fn gap_told(&mut self, gap: Gap) {
        self.told = gap.last;
        self.known = self.known.max(self.told);
        self.gaps.add(gap);
    }

    /// Chunks that were told as missing and did not come after all.
    pub fn missing(&self) -> u64 {
        self.gaps.chunks()
    }
}
