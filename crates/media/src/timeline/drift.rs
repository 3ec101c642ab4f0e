//! RTP time against the call's clock: the earliest packet of each half second tells how late a
//! source runs; jitter only ever makes packets later.
//!
//! A source that runs too late or too early is put right by a chunk where nobody speaks or where a hole is
//! anyway. Only one that is wrong for long and has neither loses a chunk of what it says, and one that
//! was a little off from its beginning does not even then.

use std::time::{Duration, Instant};

use super::chunks::nearest_chunk;
use crate::clock::CHUNK_I;
use crate::g711::ULAW_TO_LINEAR;

const EVERY: Duration = Duration::from_millis(500);
/// How long a pause is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// So much more than the tolerance a source may be off from its beginning on: one that begins while the
/// last chunk of another lasts is early by a chunk, and by what both were moved to a boundary.
const BORNE: i64 = CHUNK_I;
/// No sample of a pause is louder: −42 dB from full scale.
const QUIET: u16 = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slip {
    /// The source runs slow: one chunk more.
    Insert,
    /// The source runs fast: one chunk less.
    Drop,
}

#[derive(Debug)]
pub struct Drift {
    since: Instant,
    least: Option<i64>,
    /// How late it was at best in the last half second, in samples; below 0, how early.
    off: i64,
    /// How far off it may be, in samples.
    tolerance: i64,
    /// What is to be done at the next pause, and since when.
    due: Option<(Slip, Instant)>,
    /// Was it off in its first half second, and has not been moved since? Absent before that.
    began_off: Option<bool>,
}

impl Drift {
    /// `tolerance`: how far off a source may be, in samples; at least a chunk, or it would be put right
    /// for ever.
    pub fn new(now: Instant, tolerance: i64) -> Self {
        Self {
            since: now,
            least: None,
            off: 0,
            tolerance: tolerance.max(CHUNK_I),
            due: None,
            began_off: None,
        }
    }

    /// How late this source runs at best, in samples, from 0 to the tolerance.
    pub fn lateness(&self) -> i64 {
        self.off.clamp(0, self.tolerance)
    }

    /// The boundary of a chunk on which the source goes on that has paused and would go on at `position`.
    /// The pause takes what the source is about to be put right for.
    pub fn boundary(&self, position: i64) -> i64 {
        let borne = self.tolerance - CHUNK_I;
        let off = self.off - self.off.clamp(-borne, borne);
        nearest_chunk(position + off.clamp(-CHUNK_I, CHUNK_I))
    }

    /// The source stands `by` samples later on the clock from now on.
    pub fn moved(&mut self, by: i64) {
        if by != 0 {
            self.off -= by;
            self.least = self.least.map(|least| least - by);
            self.due = None;
            self.began_off = Some(false);
        }
    }

    /// A packet came `lateness` samples after its place on the clock. `costs_nothing`: is no word
    /// cut just here by that slip? Whoever is told to slip says so with `moved`.
    pub fn note(
        &mut self,
        now: Instant,
        lateness: i64,
        costs_nothing: impl FnOnce(Slip) -> bool,
    ) -> Option<Slip> {
        let least = self.least.map_or(lateness, |least| least.min(lateness));
        self.least = Some(least);
        if now.saturating_duration_since(self.since) >= EVERY {
            self.measured(now, least);
        }
        let (slip, since) = self.due?;
        let waited = now.saturating_duration_since(since);
        let borne = self.began_off == Some(true) && self.off.abs() < self.tolerance + BORNE;
        let overdue = waited >= PATIENCE && !borne;
        (overdue || costs_nothing(slip)).then_some(slip)
    }

    /// How early a packet came in half a second at best.
    fn measured(&mut self, now: Instant, least: i64) {
        self.since = now;
        self.least = None;
        self.off = least;
        let slip = if least > 0 { Slip::Insert } else { Slip::Drop };
        let off = least.abs();
        self.began_off.get_or_insert(off > self.tolerance);
        self.due = match self.due {
            // What jitter leaves of it does not make it wait anew.
            Some((before, since)) if before == slip && off > self.tolerance - CHUNK_I / 2 => {
                Some((slip, since))
            }
            _ => (off > self.tolerance).then_some((slip, now)),
        };
    }
}

/// Is this a pause, as µ-law?
pub fn is_quiet(audio: &[u8]) -> bool {
    audio
        .iter()
        .all(|&byte| ULAW_TO_LINEAR[usize::from(byte)].unsigned_abs() <= QUIET)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::g711::ULAW_SILENCE;

    /// When a source slips whose packets come that late or early from the start on: packet, slip. `quiet`
    /// tells which of them are.
    fn slips(lateness: i64, quiet: impl Fn(u64) -> bool) -> Vec<(u64, Slip)> {
        let start = Instant::now();
        let mut drift = Drift::new(start, CHUNK_I);
        let mut off = lateness;
        let packets = (1..600_u64).filter_map(|n| {
            let slip = drift.note(start + Duration::from_millis(20 * n), off, |_| quiet(n))?;
            let by = if slip == Slip::Insert {
                CHUNK_I
            } else {
                -CHUNK_I
            };
            drift.moved(by);
            off -= by;
            Some((n, slip))
        });
        packets.collect()
    }

    #[test]
    fn a_pause_is_used_at_once_and_words_are_left_whole() {
        assert_eq!(slips(320, |_| true), [(25, Slip::Insert)]);
        assert_eq!(slips(-480, |_| true), [(25, Slip::Drop), (50, Slip::Drop)]);
        assert_eq!(slips(-320, |n| n == 60), [(60, Slip::Drop)]);
        assert_eq!(slips(160, |_| true), []);
    }

    #[test]
    fn what_is_no_louder_than_a_room_is_quiet() {
        assert!(is_quiet(&[ULAW_SILENCE; 160]));
        assert!(!is_quiet(&[0; 160]));
    }

    #[test]
    fn who_never_falls_quiet_is_put_right_all_the_same() {
        assert_eq!(slips(-320, |_| false), [(275, Slip::Drop)]);
    }

    #[test]
    fn no_word_is_cut_of_who_was_a_little_off_from_the_beginning() {
        assert_eq!(slips(-319, |_| false), []);
        assert_eq!(slips(319, |_| false), []);
        assert_eq!(slips(-319, |n| n == 500), [(500, Slip::Drop)]);
    }

    #[test]
    fn who_was_right_at_the_beginning_is_put_right_in_the_end() {
        let start = Instant::now();
        let mut drift = Drift::new(start, CHUNK_I);
        let slip = (1..600).find(|&n| {
            let at = start + Duration::from_millis(20 * n);
            let lateness = if n < 40 { 0 } else { -200 };
            drift.note(at, lateness, |_| false).is_some()
        });
        assert_eq!(slip, Some(300));
    }

    #[test]
    fn what_has_passed_by_the_next_pause_is_forgotten() {
        let start = Instant::now();
        let mut drift = Drift::new(start, CHUNK_I);
        for n in 1..200 {
            let lateness = if n < 40 { -320 } else { 0 };
            let at = start + Duration::from_millis(20 * n);
            assert_eq!(drift.note(at, lateness, |_| n >= 80), None, "{n}");
        }
    }
}
