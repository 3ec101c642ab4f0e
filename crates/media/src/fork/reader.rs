//! Where one fork reads the rings of its leg.

use std::ops::Range;

use super::ring::{Frame, Ring};
use crate::config::Track;

/// The rings of a leg, by track.
pub type Rings = [Option<Ring>; 2];

/// A place in each track that is read.
#[derive(Debug, Default)]
pub struct Reader([Option<Cursor>; 2]);

#[derive(Debug)]
struct Cursor {
    /// The number of the next frame in the ring.
    next: u64,
    /// Where the fork was stopped.
    until: Option<u64>,
    /// Chunks before this one are older than the fork: its tracks begin together.
    from_index: u64,
    read: u64,
}

impl Reader {
    pub fn has_begun(&self) -> bool {
        self.0.iter().any(Option::is_some)
    }

    /// Read these tracks from chunk `from_index` on.
    pub fn begin(&mut self, tracks: &[Track], from_index: u64, rings: &Rings) {
        for &track in tracks {
            self.0[track as usize] = Some(Cursor {
                next: end(rings, track),
                until: None,
                from_index,
                read: 0,
            });
        }
    }

    /// Is more of this track wanted?
    pub fn takes(&self, track: Track) -> bool {
        self.0[track as usize]
            .as_ref()
            .is_some_and(|cursor| cursor.until.is_none())
    }

    /// A frame was pushed. False when it is not for this reader.
    pub fn pushed(&mut self, track: Track, index: u64, rings: &Rings) -> bool {
        match &mut self.0[track as usize] {
            Some(cursor) if cursor.until.is_none() => {
                if index < cursor.from_index {
                    cursor.next = end(rings, track);
                    return false;
                }
                true
            }
            _ => false,
        }
    }

    /// Want nothing that comes from now on.
    pub fn stop(&mut self, rings: &Rings) {
        for track in Track::ALL {
            if let Some(cursor) = &mut self.0[track as usize] {
                cursor.until.get_or_insert(end(rings, track));
            }
        }
    }

    /// Is there something of each track?
    pub fn has_both(&self, rings: &Rings) -> bool {
        Track::ALL
            .into_iter()
            .all(|track| self.peek(track, rings).is_some())
    }

    /// The place on the call's clock of the frame that `next` would take.
    pub fn next_index(&self, rings: &Rings) -> Option<u64> {
        Track::ALL
            .into_iter()
            .filter_map(|track| Some(self.peek(track, rings)?.index))
            .min()
    }

    fn peek<'r>(&self, track: Track, rings: &'r Rings) -> Option<&'r Frame> {
        let cursor = self.0[track as usize].as_ref()?;
        if cursor.until.is_some_and(|until| cursor.next >= until) {
            return None;
        }
        rings[track as usize].as_ref()?.get(cursor.next)
    }

    /// Take the frame that is oldest on the call's clock, with its number on its track from 1.
    pub fn next<'r>(&mut self, rings: &'r Rings) -> Option<(Track, u64, &'r Frame)> {
        let peek = |track| self.peek(track, rings);
        let (track, frame) = match (peek(Track::Inbound), peek(Track::Outbound)) {
            (Some(inbound), Some(outbound)) if outbound.index < inbound.index => {
                (Track::Outbound, outbound)
            }
            (Some(inbound), _) => (Track::Inbound, inbound),
            (None, outbound) => (Track::Outbound, outbound?),
        };
        let cursor = self.0[track as usize].as_mut()?;
        cursor.next += 1;
        cursor.read += 1;
        Some((track, cursor.read, frame))
    }

    /// The chunks of the next frame of so many, over all these tracks: whole, or what is left of
    /// it when the fork was stopped. Frames lie on one grid from the fork's beginning on, so that
    /// tracks stay side by side whatever was skipped.
    pub fn span(&self, tracks: &[Track], chunks: u64, rings: &Rings) -> Option<Range<u64>> {
        let peeked = tracks.iter().filter_map(|&track| self.peek(track, rings));
        let first = peeked.map(|frame| frame.index).min()?;
        let mut reached = 0;
        for &track in tracks {
            let cursor = self.0[track as usize].as_ref()?;
            let whole = grid_down(first, cursor.from_index, chunks) + chunks;
            let end = cursor.until.unwrap_or_else(|| end(rings, track));
            let newest = rings[track as usize].as_ref()?.get(end.wrapping_sub(1));
            let has = newest.map_or(0, |frame| frame.index + 1);
            if has < whole && cursor.until.is_none() {
                return None;
            }
            reached = has.min(whole).max(reached);
        }
        Some(first..reached)
    }

    /// Take a track's frame at that place on the call's clock, if it is next.
    pub fn take<'r>(&mut self, track: Track, index: u64, rings: &'r Rings) -> Option<&'r Frame> {
        let frame = self.peek(track, rings)?;
        if frame.index != index {
            return None;
        }
        self.0[track as usize].as_mut()?.next += 1;
        Some(frame)
    }

    /// The frame right before the one at `index`, which was just taken.
    pub fn before_last<'r>(&self, track: Track, index: u64, rings: &'r Rings) -> Option<&'r Frame> {
        let number = self.0[track as usize].as_ref()?.next.checked_sub(2)?;
        let frame = rings[track as usize].as_ref()?.get(number)?;
        (frame.index + 1 == index).then_some(frame)
    }

    /// One frame more of these tracks was read; its number from 1.
    pub fn count(&mut self, tracks: &[Track]) -> u64 {
        let mut read = 0;
        for &track in tracks {
            if let Some(cursor) = &mut self.0[track as usize] {
                cursor.read += 1;
                read = cursor.read;
            }
        }
        read
    }

    /// Leave only what is newer than `keep` chunks ago, and all of a frame that is in the making;
    /// returns how many were skipped.
    pub fn skip_to_frame(&mut self, keep: u64, chunks: u64, rings: &Rings) -> u64 {
        let newest = |track: Track| {
            let cursor = self.0[track as usize].as_ref()?;
            let end = cursor.until.unwrap_or_else(|| end(rings, track));
            let frame = rings[track as usize].as_ref()?.get(end.wrapping_sub(1))?;
            Some(grid_down(
                (frame.index + 1).saturating_sub(keep),
                cursor.from_index,
                chunks,
            ))
        };
        let Some(from) = Track::ALL.into_iter().filter_map(newest).max() else {
            return 0;
        };
        let mut skipped = 0;
        for track in Track::ALL {
            while self.peek(track, rings).is_some_and(|f| f.index < from) {
                if let Some(cursor) = &mut self.0[track as usize] {
                    cursor.next += 1;
                }
                skipped += 1;
            }
        }
        skipped
    }

    /// Chunks that every one of these tracks has waiting.
    pub fn behind_together(&self, tracks: &[Track], rings: &Rings) -> u64 {
        let left = tracks.iter().map(|&track| self.left(track, rings));
        left.min().unwrap_or(0)
    }

    /// The oldest frame of a track that is still needed; `u64::MAX` when none is.
    pub fn needs(&self, track: Track) -> u64 {
        match &self.0[track as usize] {
            Some(Cursor {
                next, until: None, ..
            }) => *next,
            Some(Cursor {
                next,
                until: Some(until),
                ..
            }) if next < until => *next,
            _ => u64::MAX,
        }
    }

    /// Frames taken and not read, over all tracks.
    pub fn queued(&self, rings: &Rings) -> u64 {
        Track::ALL
            .into_iter()
            .map(|track| self.left(track, rings))
            .sum()
    }

    /// The same of the track that is furthest behind.
    pub fn behind(&self, rings: &Rings) -> u64 {
        self.left(Track::Inbound, rings)
            .max(self.left(Track::Outbound, rings))
    }

    /// Leave only the newest `keep` frames of each track; returns how many were skipped.
    pub fn skip_to(&mut self, keep: u64, rings: &Rings) -> u64 {
        let mut skipped = 0;
        for track in Track::ALL {
            if let Some(cursor) = &mut self.0[track as usize] {
                let newest = cursor.until.unwrap_or(end(rings, track));
                let to = newest.saturating_sub(keep).max(cursor.next);
                skipped += to - cursor.next;
                cursor.next = to;
            }
        }
        skipped
    }

    fn left(&self, track: Track, rings: &Rings) -> u64 {
        self.0[track as usize].as_ref().map_or(0, |cursor| {
            cursor
                .until
                .unwrap_or_else(|| end(rings, track))
                .saturating_sub(cursor.next)
        })
    }
}

/// The start of the frame of so many chunks that `index` is in.
fn grid_down(index: u64, origin: u64, chunks: u64) -> u64 {
    let into = index.saturating_sub(origin);
    origin + into - into % chunks
}

fn end(rings: &Rings, track: Track) -> u64 {
    rings[track as usize].as_ref().map_or(0, Ring::end)
}
