//! Audio that cannot go on yet: parts of chunks, and what came ahead of a hole.

use std::time::Instant;

use crate::clock::{CHUNK, CHUNK_I};
use crate::g711::ULAW_SILENCE;

const SLOTS: usize = 16;

/// A ring of chunks from the timeline's next one on. Made when first needed: a stream of
/// 20 ms packets in order never needs it.
#[derive(Debug, Default)]
pub struct Window {
    slots: Option<Box<[Slot; SLOTS]>>,
    /// Past the last sample held; meaningless when nothing is.
    end: i64,
    /// Samples held.
    held: usize,
}

/// One chunk in the making.
#[derive(Debug, Clone, Copy)]
pub struct Slot {
    pub audio: [u8; CHUNK],
    pub arrived: Option<Instant>,
    pub filled: u16,
    have: Mask,
}

/// Which of a chunk's 160 samples are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mask(u64, u128);

impl Mask {
    const NONE: Self = Self(0, 0);
    const ALL: Self = Self(u32::MAX as u64, u128::MAX);

    fn range(from: usize, to: usize) -> Self {
        let below = |n: usize| -> Self {
            if n >= 128 {
                Self((1_u64 << (n - 128)) - 1, u128::MAX)
            } else {
                Self(0, (1_u128 << n) - 1)
            }
        };
        let (high, low) = (below(to), below(from));
        Self(high.0 & !low.0, high.1 & !low.1)
    }

    fn has(self, at: usize) -> bool {
        if at >= 128 {
            self.0 >> (at - 128) & 1 != 0
        } else {
            self.1 >> at & 1 != 0
        }
    }

    fn union(self, other: Self) -> Self {
        Self(self.0 | other.0, self.1 | other.1)
    }

    fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0 || self.1 & other.1 != 0
    }

    fn count(self) -> usize {
        (self.0.count_ones() + self.1.count_ones()) as usize
    }

    /// How many samples are there from the first on.
    fn leading(self) -> usize {
        match self.1.trailing_ones() {
            128 => 128 + self.0.trailing_ones() as usize,
            n => n as usize,
        }
    }
}

impl Slot {
    const EMPTY: Self = Self {
        audio: [ULAW_SILENCE; CHUNK],
        arrived: None,
        filled: 0,
        have: Mask::NONE,
    };
}

impl Window {
    /// How far ahead of the next chunk audio may lie.
    pub const SPAN: i64 = SLOTS as i64 * CHUNK_I;

    pub fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// Past the last sample held; far back when there is none.
    pub fn end(&self) -> i64 {
        if self.held == 0 { i64::MIN } else { self.end }
    }

    /// How far everything from `next` on is there. Whole chunks are taken out at once, so this
    /// lies within the first.
    pub fn contiguous(&self, next: i64) -> i64 {
        next + self.slot(next).map_or(0, |slot| slot.have.leading() as i64)
    }

    /// The first sample held after `position`, which is itself missing.
    pub fn covered_after(&self, position: i64) -> Option<i64> {
        (position..self.end()).find(|&at| {
            self.slot(at)
                .is_some_and(|slot| slot.have.has(at.rem_euclid(CHUNK_I) as usize))
        })
    }

    /// Keep audio; what is there already stays. Everything must lie within `SPAN` from `next`.
    pub fn write(&mut self, next: i64, position: i64, audio: &[u8], now: Instant) {
        self.parts(
            next,
            position,
            position + audio.len() as i64,
            |slot, from, to, offset| {
                let part = audio.get(offset..offset + (to - from)).unwrap_or_default();
                let range = Mask::range(from, to);
                if !slot.have.meets(range) {
                    slot.audio[from..to].copy_from_slice(part);
                } else {
                    for (at, &sample) in (from..to).zip(part) {
                        if !slot.have.has(at) {
                            slot.audio[at] = sample;
                        }
                    }
                }
                slot.have = slot.have.union(range);
                slot.arrived = Some(now);
            },
        );
    }

    /// Mark `from..to` as silence and return how many samples of it count as a repair.
    pub fn fill(&mut self, next: i64, from: i64, to: i64, repair: bool) -> u16 {
        let mut filled = 0;
        self.parts(next, from, to, |slot, from, to, _| {
            let before = slot.have.count();
            slot.have = slot.have.union(Mask::range(from, to));
            if repair {
                let added = (slot.have.count() - before) as u16;
                slot.filled += added;
                filled += added;
            }
        });
        filled
    }

    /// The chunk at `next`, once all of it is there.
    pub fn take_whole(&mut self, next: i64) -> Option<Slot> {
        let slot = self.slots.as_mut()?.get_mut(index(next))?;
        if slot.have != Mask::ALL {
            return None;
        }
        let whole = *slot;
        *slot = Slot::EMPTY;
        self.held -= CHUNK;
        Some(whole)
    }

    fn slot(&self, position: i64) -> Option<&Slot> {
        self.slots.as_ref()?.get(index(position))
    }

    /// Visit the part of each chunk between two positions: slot, from, to, offset from the start.
    fn parts(
        &mut self,
        next: i64,
        start: i64,
        end: i64,
        mut visit: impl FnMut(&mut Slot, usize, usize, usize),
    ) {
        if start < next || end > next + Self::SPAN || end <= start {
            return;
        }
        let slots = self
            .slots
            .get_or_insert_with(|| Box::new([Slot::EMPTY; SLOTS]));
        self.end = if self.held == 0 {
            end
        } else {
            self.end.max(end)
        };
        let mut at = start;
        while at < end {
            let from = at.rem_euclid(CHUNK_I);
            let to = (from + end - at).min(CHUNK_I);
            if let Some(slot) = slots.get_mut(index(at)) {
                let before = slot.have.count();
                visit(slot, from as usize, to as usize, (at - start) as usize);
                self.held += slot.have.count() - before;
            }
            at += to - from;
        }
    }
}

fn index(position: i64) -> usize {
    position.div_euclid(CHUNK_I).rem_euclid(SLOTS as i64) as usize
}
