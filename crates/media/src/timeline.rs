//! The timeline of one direction of one leg: gapless chunks of 20 ms on the call's clock.
//! Audio that continues the stream goes on at once. A hole is kept open for `reorder` after
//! something later has come, then filled with silence. When nothing comes at all, silence is
//! made once the chunk is overdue, so there are always 50 chunks a second. RTP time is held
//! against the call's clock: when they differ by more than a chunk, one is dropped or inserted, in
//! a pause where there is one.

mod chunks;
mod drift;
mod window;

use std::time::{Duration, Instant};

pub use self::chunks::Chunk;
use self::chunks::{Chunks, chunk_up, nearest_chunk};
use self::drift::{Drift, Slip, is_quiet};
use self::window::Window;
use crate::clock::{CHUNK_I, CallClock, PER_MS};
use crate::seq::{Seq, Timestamp};

/// A timestamp that moves this much more than the clock is a new time base, not a pause.
const JUMP: i64 = 4000;
/// Audio this far ahead of the clock, the tolerance aside, is a new time base.
const AHEAD: i64 = 1600;
/// This many late packets in a row, over at least `LATE_FOR`, are a longer path, not stragglers.
const LATE_RUN: u32 = 8;
const LATE_FOR: Duration = Duration::from_millis(150);

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
    chunks: Chunks,
    source: Option<Source>,
    /// Has anybody talked since the start or since `source_ended`? Then silence is a repair.
    flowing: bool,
    /// Since when something later than a hole has been waiting.
    hole_since: Option<Instant>,
    drift: Drift,
    /// Samples to cut from what comes next, after a slip backwards.
    cut: i64,
    late_run: Option<LateRun>,
    late: u64,
    slips: u64,
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
            chunks: Chunks::from(clock.position(now)),
            source: None,
            flowing: false,
            hole_since: None,
            drift: Drift::new(now, tolerance),
            cut: 0,
            late_run: None,
            late: 0,
            slips: 0,
        }
    }

    /// The index of the chunk that comes next.
    pub fn next_index(&self) -> u64 {
        self.chunks.next_index()
    }

    pub fn counters(&self) -> Counters {
        Counters {
            late: self.late,
            slips: self.slips,
            filled: self.chunks.filled(),
        }
    }

    /// A packet with audio.
    pub fn push(&mut self, now: Instant, piece: Piece<'_>, emit: &mut impl FnMut(Chunk<'_>)) {
        let length = piece.audio.len() as i64;
        if length == 0 {
            return self.note(piece.sequence);
        }
        let Some((mut position, unbroken)) = self.place(now, &piece, length, emit) else {
            self.late += 1;
            return;
        };
        if position + length <= self.chunks.next() {
            return self.too_late(now, piece, length, emit);
        }
        self.late_run = None;
        let reached = self.chunks.reached();
        if unbroken && position > reached && !self.chunks.has_hole() {
            // Nothing is missing: the source paused, or we slipped. Go on on a chunk's boundary,
            // so that packets and chunks stay in step.
            let aligned = self.drift.boundary(position).max(chunk_up(reached));
            self.moved(aligned - position);
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
            let reached = self.chunks.reached();
            if self
                .hole_since
                .is_some_and(|since| since + self.reorder <= now)
            {
                self.fill_to(self.chunks.beyond_hole(), emit);
                self.hole_since = None;
                self.watch_hole(now, reached);
            } else if self.overdue() <= now {
                self.fill_to(self.chunks.next() + CHUNK_I, emit);
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
            self.clock.instant(self.chunks.next() + wait) + self.reorder
        } else {
            self.clock.instant(self.chunks.next() + 3 * CHUNK_I)
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
        let overtaken = (-100..=0).contains(&step);
        self.source = Some(Source {
            sequence: if overtaken {
                source.sequence
            } else {
                piece.sequence
            },
            timestamp: piece.timestamp,
            position,
            heard: now,
        });
        let beyond = position - self.chunks.end();
        let costs_nothing = |slip| match slip {
            // Something is missing before it: a hole, filled already or not, may grow or shrink.
            Slip::Insert if ticks >= length + CHUNK_I => true,
            Slip::Drop if beyond >= CHUNK_I => true,
            _ => is_quiet(piece.audio),
        };
        let moved = match self.drift.note(now, lateness, costs_nothing) {
            None => 0,
            Some(Slip::Insert) => CHUNK_I,
            Some(Slip::Drop) => -CHUNK_I,
        };
        if moved != 0 {
            self.slips += 1;
            self.cut += (-moved).max(0);
            self.moved(moved);
        }
        Some((position + moved, step == 1))
    }

    /// The source stands `by` samples later from now on.
    fn moved(&mut self, by: i64) {
        if let Some(source) = &mut self.source {
            source.position += by;
        }
        self.drift.moved(by);
    }

    /// Tie a new time base to the clock: what has just come ends about now, on a chunk's boundary.
    fn anchor(
        &mut self,
        now: Instant,
        piece: &Piece<'_>,
        length: i64,
        emit: &mut impl FnMut(Chunk<'_>),
    ) -> Option<i64> {
        let clock = self.clock.position(now);
        let position = nearest_chunk(clock - length).max(chunk_up(self.chunks.end()));
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
        self.late += 1;
        let run = self.late_run.get_or_insert(LateRun {
            since: now,
            packets: 0,
        });
        run.packets += 1;
        if run.packets >= LATE_RUN && now.saturating_duration_since(run.since) >= LATE_FOR {
            // The path has become longer for good. Chunks inserted count as slips.
            let before = self.source.map_or(0, |source| source.position);
            if let Some(position) = self.anchor(now, &piece, length, emit) {
                self.slips += ((position - before) / CHUNK_I).unsigned_abs();
                self.write(now, position, piece.audio, emit);
            }
        }
    }

    fn write(
        &mut self,
        now: Instant,
        position: i64,
        audio: &[u8],
        emit: &mut impl FnMut(Chunk<'_>),
    ) {
        let passed = (self.chunks.next() - position).max(0);
        self.cut = (self.cut - passed).max(0);
        self.chunks.write(now, position, audio, emit);
    }

    fn fill_to(&mut self, position: i64, emit: &mut impl FnMut(Chunk<'_>)) {
        self.chunks.fill_to(position, self.flowing, emit);
    }

    /// Start, restart or end the wait for a hole, after everything before `reached` was whole.
    fn watch_hole(&mut self, now: Instant, reached: i64) {
        if !self.chunks.has_hole() {
            self.hole_since = None;
        } else if self.hole_since.is_none() || self.chunks.reached() > reached {
            self.hole_since = Some(now);
        }
    }
}

#[cfg(test)]
mod tests;
