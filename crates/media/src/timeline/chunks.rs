//! Audio at its places on the call's clock, handed on as chunks of 20 ms without a gap.

use std::time::Instant;

use super::window::Window;
use crate::clock::{CHUNK, CHUNK_I};
use crate::g711::ULAW_SILENCE;

static SILENCE: [u8; CHUNK] = [ULAW_SILENCE; CHUNK];

/// 20 ms of µ-law audio at a place on the call's clock.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    pub index: u64,
    pub audio: &'a [u8; CHUNK],
    /// When the packet came that completed it; absent when it is all silence of ours.
    pub arrived: Option<Instant>,
    /// Samples of silence put where the stream had a hole. Silence while nobody talks to this
    /// direction at all is none.
    pub filled: u16,
}

/// What has come and not gone on yet.
#[derive(Debug)]
pub struct Chunks {
    /// Where the next chunk starts.
    next: i64,
    window: Window,
    /// Samples of silence that were a repair.
    filled: u64,
}

impl Chunks {
    /// The first chunk is the one that `position` lies in.
    pub fn from(position: i64) -> Self {
        Self {
            next: chunk_down(position),
            window: Window::default(),
            filled: 0,
        }
    }

    /// Where the next chunk starts.
    pub fn next(&self) -> i64 {
        self.next
    }

    pub fn next_index(&self) -> u64 {
        (self.next / CHUNK_I) as u64
    }

    /// How far everything is there.
    pub fn reached(&self) -> i64 {
        self.window.contiguous(self.next)
    }

    /// Past the last sample that has come.
    pub fn end(&self) -> i64 {
        self.next.max(self.window.end())
    }

    /// Is something there that lies beyond a hole?
    pub fn has_hole(&self) -> bool {
        self.window.end() > self.reached()
    }

    /// The first sample beyond the hole, or how far everything is there.
    pub fn beyond_hole(&self) -> i64 {
        let reached = self.reached();
        self.window.covered_after(reached).unwrap_or(reached)
    }

    pub fn filled(&self) -> u64 {
        self.filled
    }

    /// Audio that came at `now`. What lies before the next chunk is left out.
    pub fn write(
        &mut self,
        now: Instant,
        mut position: i64,
        mut audio: &[u8],
        emit: &mut impl FnMut(Chunk<'_>),
    ) {
        if position < self.next {
            let passed = (self.next - position) as usize;
            audio = audio.get(passed..).unwrap_or_default();
            position = self.next;
        }
        // The ordinary case copies nothing.
        while position == self.next && self.window.is_empty() {
            let Some((chunk, rest)) = audio.split_first_chunk::<CHUNK>() else {
                break;
            };
            self.emit(chunk, Some(now), 0, emit);
            position = self.next;
            audio = rest;
        }
        if !audio.is_empty() {
            self.window.write(self.next, position, audio, now);
            self.hand_on(emit);
        }
    }

    /// Put silence into every hole before `position`. `repair`: is it one?
    pub fn fill_to(&mut self, position: i64, repair: bool, emit: &mut impl FnMut(Chunk<'_>)) {
        loop {
            let reached = self.reached();
            if reached >= position {
                return;
            }
            let end = position.min(chunk_down(reached) + CHUNK_I);
            if self.window.is_empty() && end - self.next == CHUNK_I {
                let filled = u16::from(repair) * CHUNK as u16;
                self.filled += u64::from(filled);
                self.emit(&SILENCE, None, filled, emit);
            } else {
                let filled = self.window.fill(self.next, reached, end, repair);
                self.filled += u64::from(filled);
                self.hand_on(emit);
            }
        }
    }

    /// Hand on all whole chunks.
    fn hand_on(&mut self, emit: &mut impl FnMut(Chunk<'_>)) {
        while let Some(slot) = self.window.take_whole(self.next) {
            self.emit(&slot.audio, slot.arrived, slot.filled, emit);
        }
    }

    fn emit(
        &mut self,
        audio: &[u8; CHUNK],
        arrived: Option<Instant>,
        filled: u16,
        emit: &mut impl FnMut(Chunk<'_>),
    ) {
        emit(Chunk {
            index: self.next_index(),
            audio,
            arrived,
            filled,
        });
        self.next += CHUNK_I;
    }
}

/// The nearest boundary of a chunk.
pub fn nearest_chunk(position: i64) -> i64 {
    chunk_down(position + CHUNK_I / 2)
}

/// The boundary of a chunk at or before `position`.
pub fn chunk_down(position: i64) -> i64 {
    position.div_euclid(CHUNK_I) * CHUNK_I
}

/// The boundary of a chunk at or after `position`.
pub fn chunk_up(position: i64) -> i64 {
    chunk_down(position + CHUNK_I - 1)
}
