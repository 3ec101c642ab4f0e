//! The timeline of one direction of one leg: gapless chunks of 20 ms on the call's clock.
//! Audio that continues the stream goes on at once. A hole is kept open for `reorder` after
//! something later has come, then filled with silence. When nothing comes at all, silence is
//! made once the chunk is overdue, so there are always 50 chunks a second. RTP time is held
//! against the call's clock: when they differ by more than a chunk, one is dropped or inserted, in
//! a pause where there is one.

mod drift;
mod window;

use std::time::{Duration, Instant};

use self::drift::{Drift, Slip};
use self::window::Window;
use crate::clock::{CHUNK, CHUNK_I, CallClock, PER_MS};
use crate::g711::ULAW_SILENCE;
use crate::seq::{Seq, Timestamp};

/// A timestamp that moves this much more than the clock is a new time base, not a pause.
const JUMP: i64 = 4000;
/// Audio this far ahead of the clock, the tolerance aside, is a new time base.
const AHEAD: i64 = 1600;
/// This many late packets in a row, over at least `LATE_FOR`, are a longer path, not stragglers.
const LATE_RUN: u32 = 8;
const LATE_FOR: Duration = Duration::from_millis(150);

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

/// Audio of one packet, as µ-law.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    pub sequence: Seq,
    pub timestamp: Timestamp,
    pub audio: &'a [u8],
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    pub late: u64,
    pub slips: u64,
    /// Samples.
    pub filled: u64,
}

/// What a timeline puts up with.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How long a hole is kept open.
    pub reorder: Duration,
    /// How far off the clock a source may be.
    pub tolerance: Duration,
}

#[derive(Debug)]
pub struct Timeline {
    clock: CallClock,
    reorder: Duration,
    /// How far off the clock a source may be, in samples.
    tolerance: i64,
    /// Where the next chunk starts.
    next: i64,
    window: Window,
    source: Option<Source>,
    /// Has anybody talked since the start or since `source_ended`? Then silence is a repair.
    flowing: bool,
    /// Since when something later than a hole has been waiting.
    hole_since: Option<Instant>,
    drift: Drift,
    /// Samples to cut from what comes next, after a slip backwards.
    cut: i64,
    late_run: Option<LateRun>,
    counters: Counters,
}

/// The newest packet, which ties RTP time to the call's clock.
#[derive(Debug, Clone, Copy)]
struct Source {
    sequence: Seq,
    timestamp: Timestamp,
    position: i64,
    heard: Instant,
}

#[derive(Debug, Clone, Copy)]
struct LateRun {
    since: Instant,
    packets: u32,
}

impl Timeline {
    pub fn new(clock: CallClock, now: Instant, patience: Patience) -> Self {
        let tolerance = patience.tolerance.as_millis() as i64 * PER_MS;
        Self {
            clock,
            reorder: patience.reorder,
            tolerance,
            next: clock.position(now) / CHUNK_I * CHUNK_I,
            window: Window::default(),
            source: None,
            flowing: false,
            hole_since: None,
            drift: Drift::new(now, tolerance),
            cut: 0,
            late_run: None,
            counters: Counters::default(),
        }
    }

    /// The index of the chunk that comes next.
    pub fn next_index(&self) -> u64 {
        (self.next / CHUNK_I) as u64
    }

    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// A packet with audio.
    pub fn push(&mut self, now: Instant, piece: Piece<'_>, emit: &mut impl FnMut(Chunk<'_>)) {
        let length = piece.audio.len() as i64;
        if length == 0 {
            return self.note(piece.sequence);
        }
        let Some((mut position, unbroken)) = self.place(now, &piece, length, emit) else {
            self.counters.late += 1;
            return;
        };
        if position + length <= self.next {
            return self.too_late(now, piece, length, emit);
        }
        self.late_run = None;
        let reached = self.window.contiguous(self.next);
        if unbroken && position > reached && self.window.end() <= reached {
            // Nothing is missing: the source paused, or we slipped. Go on on a chunk's boundary,
            // so that packets and chunks stay in step.
            let aligned = nearest_chunk(position).max(chunk_up(reached));
            if let Some(source) = &mut self.source {
                source.position += aligned - position;
            }
            position = aligned;
            self.fill_to(position, emit);
        }
        // What would not fit the window is forced out.
        self.fill_to(position + length - Window::SPAN, emit);
        self.write(now, position, piece.audio, emit);
        self.watch_hole(now, reached);
    }

    /// A packet without audio (comfort noise, telephone-event): the stream lives, and what
    /// follows it has lost nothing.
    pub fn note(&mut self, sequence: Seq) {
        if let Some(source) = &mut self.source
            && sequence.since(source.sequence) > 0
        {
            source.sequence = sequence;
        }
    }

    /// Another source talks from now on (new SSRC): its time base is new.
    pub fn source_changed(&mut self) {
        self.source = None;
        self.late_run = None;
    }

    /// Nobody talks in this direction until further notice.
    pub fn source_ended(&mut self) {
        self.source_changed();
        self.flowing = false;
    }

    pub fn next_timeout(&self) -> Instant {
        let overdue = self.overdue();
        self.hole_since
            .map_or(overdue, |since| overdue.min(since + self.reorder))
    }

    pub fn handle_timeout(&mut self, now: Instant, emit: &mut impl FnMut(Chunk<'_>)) {
        loop {
            let reached = self.window.contiguous(self.next);
            if self
                .hole_since
                .is_some_and(|since| since + self.reorder <= now)
            {
                let beyond = self.window.covered_after(reached).unwrap_or(reached);
                self.fill_to(beyond, emit);
                self.hole_since = None;
                self.watch_hole(now, reached);
            } else if self.overdue() <= now {
                self.fill_to(self.next + CHUNK_I, emit);
                self.watch_hole(now, reached);
            } else {
                return;
            }
        }
    }

    /// When the next chunk is given up: its end, plus how late this source runs anyway, plus one
    /// packet that would show the hole, plus the time for one that was overtaken. While nobody talks
    /// there is nothing to miss: only who begins must find its place, with a packet of 60 ms at most.
    fn overdue(&self) -> Instant {
        if self.flowing {
            let wait = self.drift.lateness() + 2 * CHUNK_I;
            self.clock.instant(self.next + wait) + self.reorder
        } else {
            self.clock.instant(self.next + 3 * CHUNK_I)
        }
    }

    /// Where this audio belongs, and whether nothing is missing before it; `None` when a source
    /// that keeps starting over has run too far ahead of the clock.
    fn place(
        &mut self,
        now: Instant,
        piece: &Piece<'_>,
        length: i64,
        emit: &mut impl FnMut(Chunk<'_>),
    ) -> Option<(i64, bool)> {
        let Some(source) = self.source else {
            return self.anchor(now, piece, length, emit).map(|at| (at, true));
        };
        let step = piece.sequence.since(source.sequence);
        let ticks = i64::from(piece.timestamp.since(source.timestamp));
        let elapsed = self.clock.position(now) - self.clock.position(source.heard);
        let position = source.position + ticks;
        let lateness = self.clock.position(now) - (position + length);
        let jumped = ticks > elapsed + JUMP || ticks < -JUMP || (ticks < 0 && step > 0);
        if jumped || lateness < -(AHEAD + self.tolerance) {
            return self.anchor(now, piece, length, emit).map(|at| (at, true));
        }
        if ticks <= 0 {
            return Some((position, false));
        }
        let mut source = Source {
            sequence: if !(-100..=0).contains(&step) {
                piece.sequence
            } else {
                source.sequence
            },
            timestamp: piece.timestamp,
            position,
            heard: now,
        };
        if let Some(slip) = self.drift.note(now, lateness, piece.audio) {
            self.counters.slips += 1;
            match slip {
                Slip::Insert => source.position += CHUNK_I,
                Slip::Drop => {
                    source.position -= CHUNK_I;
                    self.cut += CHUNK_I;
                }
            }
        }
        self.source = Some(source);
        Some((source.position, step == 1))
    }

    /// Tie a new time base to the clock: what has just come ends about now, on a chunk's boundary.
    fn anchor(
        &mut self,
        now: Instant,
        piece: &Piece<'_>,
        length: i64,
        emit: &mut impl FnMut(Chunk<'_>),
    ) -> Option<i64> {
        let taken = self.next.max(self.window.end());
        let clock = self.clock.position(now);
        let position = nearest_chunk(clock - length).max(chunk_up(taken));
        if position + length > clock + AHEAD + self.tolerance {
            self.source = None;
            return None;
        }
        self.fill_to(position, emit);
        self.source = Some(Source {
            sequence: piece.sequence,
            timestamp: piece.timestamp,
            position,
            heard: now,
        });
        self.flowing = true;
        self.drift = Drift::new(now, self.tolerance);
        self.late_run = None;
        self.cut = 0;
        Some(position)
    }

    /// All of a packet lies before what has gone on already.
    fn too_late(
        &mut self,
        now: Instant,
        piece: Piece<'_>,
        length: i64,
        emit: &mut impl FnMut(Chunk<'_>),
    ) {
        if self.cut >= length {
            self.cut -= length;
            return;
        }
        self.counters.late += 1;
        let run = self.late_run.get_or_insert(LateRun {
            since: now,
            packets: 0,
        });
        run.packets += 1;
        if run.packets >= LATE_RUN && now.saturating_duration_since(run.since) >= LATE_FOR {
            // The path has become longer for good. Chunks inserted count as slips.
            let before = self.source.map_or(0, |source| source.position);
            if let Some(position) = self.anchor(now, &piece, length, emit) {
                self.counters.slips += ((position - before) / CHUNK_I).unsigned_abs();
                self.write(now, position, piece.audio, emit);
            }
        }
    }

    fn write(
        &mut self,
        now: Instant,
        mut position: i64,
        mut audio: &[u8],
        emit: &mut impl FnMut(Chunk<'_>),
    ) {
        if position < self.next {
            let passed = self.next - position;
            self.cut = (self.cut - passed).max(0);
            audio = audio.get(passed as usize..).unwrap_or_default();
            position = self.next;
        }
        // The ordinary case copies nothing.
        while position == self.next && self.window.is_empty() {
            let Some((chunk, rest)) = audio.split_first_chunk::<CHUNK>() else {
                break;
            };
            emit(Chunk {
                index: self.next_index(),
                audio: chunk,
                arrived: Some(now),
                filled: 0,
            });
            self.next += CHUNK_I;
            position = self.next;
            audio = rest;
        }
        if !audio.is_empty() {
            self.window.write(self.next, position, audio, now);
            self.hand_on(emit);
        }
    }

    /// Hand on all whole chunks.
    fn hand_on(&mut self, emit: &mut impl FnMut(Chunk<'_>)) {
        while let Some(slot) = self.window.take_whole(self.next) {
            emit(Chunk {
                index: (self.next / CHUNK_I) as u64,
                audio: &slot.audio,
                arrived: slot.arrived,
                filled: slot.filled,
            });
            self.next += CHUNK_I;
        }
    }

    /// Put silence into every hole before `position`.
    fn fill_to(&mut self, position: i64, emit: &mut impl FnMut(Chunk<'_>)) {
        loop {
            let reached = self.window.contiguous(self.next);
            if reached >= position {
                return;
            }
            let end = position.min((reached / CHUNK_I + 1) * CHUNK_I);
            if self.window.is_empty() && end - self.next == CHUNK_I {
                let filled = u16::from(self.flowing) * CHUNK as u16;
                self.counters.filled += u64::from(filled);
                emit(Chunk {
                    index: self.next_index(),
                    audio: &SILENCE,
                    arrived: None,
                    filled,
                });
                self.next += CHUNK_I;
            } else {
                let filled = self.window.fill(self.next, reached, end, self.flowing);
                self.counters.filled += u64::from(filled);
                self.hand_on(emit);
            }
        }
    }

    /// Start, restart or end the wait for a hole, after everything before `reached` was whole.
    fn watch_hole(&mut self, now: Instant, reached: i64) {
        let reaches = self.window.contiguous(self.next);
        if self.window.end() <= reaches {
            self.hole_since = None;
        } else if self.hole_since.is_none() || reaches > reached {
            self.hole_since = Some(now);
        }
    }
}

fn nearest_chunk(position: i64) -> i64 {
    (position + CHUNK_I / 2).div_euclid(CHUNK_I) * CHUNK_I
}

fn chunk_up(position: i64) -> i64 {
    (position + CHUNK_I - 1).div_euclid(CHUNK_I) * CHUNK_I
}

#[cfg(test)]
mod tests;
