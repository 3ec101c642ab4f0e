//! Tracks of one leg that another leg sends on: a recorder's leg hears what a party says.
//!
//! What is copied comes from the timeline, so it has no holes: fifty packets a second, whatever the
//! party's network does, and two tracks of one call keep step.

use std::time::Instant;

use smallvec::SmallVec;

use super::{Leg, Scratch};
use crate::clock::CHUNK;
use crate::config::{Codec, Track};
use crate::ids::LegId;
use crate::prefetch::prefetch;
use crate::rtp::HEADER_LEN;
use crate::sink::Sink;
use crate::timeline::Chunk;
use crate::transcode::Audio;

/// Chunks on their way from one leg to others within one call into the shard: more are seldom.
pub const ROOM: usize = 32;

/// To whom one leg gives which of its tracks.
#[derive(Debug, Default)]
pub struct Copies {
    targets: SmallVec<[(Track, LegId); 4]>,
}

/// One chunk for one leg.
#[derive(Debug, Clone, Copy)]
pub struct Said {
    pub to: LegId,
    /// Its place on the call's clock.
    index: u64,
    ulaw: [u8; CHUNK],
}

/// What a leg sends instead of prompts and parties of its own.
#[derive(Debug, Clone, Copy)]
pub struct Copied {
    pub from: LegId,
    /// The chunk that goes on where the last one ended.
    next: Option<u64>,
}

impl Copies {
    pub fn takes(&self, track: Track) -> bool {
        self.targets.iter().any(|(taken, _)| *taken == track)
    }

    /// `to` sends this track from now on, instead of what it sent before.
    pub fn add(&mut self, track: Track, to: LegId) {
        self.remove(to);
        self.targets.push((track, to));
    }

    pub fn remove(&mut self, to: LegId) {
        self.targets.retain(|(_, target)| *target != to);
    }

    /// Who sends on any of it.
    pub fn all_targets(&self) -> Vec<LegId> {
        self.targets.iter().map(|(_, target)| *target).collect()
    }

    /// Who sends on this track.
    pub fn targets(&self, track: Track) -> impl Iterator<Item = LegId> {
        self.targets
            .iter()
            .filter(move |(taken, _)| *taken == track)
            .map(|(_, target)| *target)
    }

    pub fn clear(&mut self) {
        self.targets.clear();
    }

    pub fn chunk(&self, track: Track, chunk: &Chunk<'_>, said: &mut Vec<Said>) {
        said.extend(self.targets(track).map(|to| Said {
            to,
            index: chunk.index,
            ulaw: *chunk.audio,
        }));
    }
}

impl Leg {
    /// Fetch what `send_copy` needs.
    pub fn prefetch_copy(&self) {
        prefetch(&self.copied);
        prefetch(&self.agreed);
        prefetch(&self.lock);
        prefetch(&self.out);
        prefetch(&self.srtp);
    }

    /// Send that leg's track from now on.
    pub fn copy_from(&mut self, from: LegId) {
        self.copied = Some(Copied { from, next: None });
        self.out.break_off();
    }

    /// Send nothing any more.
    pub fn end_copy(&mut self) {
        self.copied = None;
        self.pause_sending();
    }

    /// Send a chunk of the track. One that does not follow on the last takes the time that has passed.
    pub fn send_copy(
        &mut self,
        now: Instant,
        said: &Said,
        scratch: &mut Scratch,
        sink: &mut impl Sink,
    ) {
        let (Some(copied), Some(agreed), Some(lock)) = (&mut self.copied, &self.agreed, &self.lock)
        else {
            return;
        };
        let Some(to) = lock
            .target()
            .filter(|_| agreed.media.direction.sends() && !self.closed)
        else {
            copied.next = None;
            self.out.break_off();
            return;
        };
        let follows = copied.next.replace(said.index + 1) == Some(said.index);
        let codec = agreed.media.codec;
        let audio = Audio {
            codec: Codec::Pcmu,
            payload: &said.ulaw,
            ulaw: Some(&said.ulaw),
            narrow: None,
        };
        let body = scratch.out.get_mut(HEADER_LEN..).unwrap_or_default();
        if let Some(length) = self.mouth.encode(codec, &audio, body).map(<[u8]>::len) {
            self.send_own(now, to, length, follows, &mut scratch.out, sink);
        }
    }
}
