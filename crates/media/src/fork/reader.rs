//! Where one fork reads the rings of its leg.

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

    /// Take the frame that is oldest on the call's clock, with its number on its track from 1.
    pub fn next<'r>(&mut self, rings: &'r Rings) -> Option<(Track, u64, &'r Frame)> {
        let peek = |track: Track| {
            let cursor = self.0[track as usize].as_ref()?;
            if cursor.until.is_some_and(|until| cursor.next >= until) {
                return None;
            }
            rings[track as usize].as_ref()?.get(cursor.next)
        };
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

fn end(rings: &Rings, track: Track) -> u64 {
    rings[track as usize].as_ref().map_or(0, Ring::end)
}
