//! RTP time against the call's clock: the earliest packet of each half second tells how late a
//! source runs; jitter only ever makes packets later.
//!
//! A source that runs too late or too early is put right by a chunk where nobody speaks. Only one that
//! is wrong for long and never falls quiet loses a chunk of what it says.

use std::time::{Duration, Instant};

use crate::clock::CHUNK_I;
use crate::g711::ULAW_TO_LINEAR;

const EVERY: Duration = Duration::from_millis(500);
/// How long a pause is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
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
    lateness: i64,
    /// How far off it may be, in samples.
    tolerance: i64,
    /// What is to be done at the next pause, and since when.
    due: Option<(Slip, Instant)>,
}

impl Drift {
    /// `tolerance`: how far off a source may be, in samples; at least a chunk, or it would be put right
    /// for ever.
    pub fn new(now: Instant, tolerance: i64) -> Self {
        Self {
            since: now,
            least: None,
            lateness: 0,
            tolerance: tolerance.max(CHUNK_I),
            due: None,
        }
    }

    /// How late this source runs at best, in samples, from 0 to the tolerance.
    pub fn lateness(&self) -> i64 {
        self.lateness
    }

    /// A packet with this audio, as µ-law, came `lateness` samples after its place on the clock.
    pub fn note(&mut self, now: Instant, lateness: i64, audio: &[u8]) -> Option<Slip> {
        let least = self.least.map_or(lateness, |least| least.min(lateness));
        self.least = Some(least);
        if now.saturating_duration_since(self.since) >= EVERY {
            self.measured(now, least);
        }
        let (slip, since) = self.due?;
        let waited = now.saturating_duration_since(since);
        if waited < PATIENCE && !is_quiet(audio) {
            return None;
        }
        // Whether that was enough is seen in the next half second.
        *self = Self {
            since: now,
            least: None,
            due: None,
            ..*self
        };
        Some(slip)
    }

    /// How early a packet came in half a second at best.
    fn measured(&mut self, now: Instant, least: i64) {
        self.since = now;
        self.least = None;
        self.lateness = least.clamp(0, self.tolerance);
        let slip = if least > 0 { Slip::Insert } else { Slip::Drop };
        let off = least.abs();
        self.due = match self.due {
            // What jitter leaves of it does not make it wait anew.
            Some((before, since)) if before == slip && off > self.tolerance - CHUNK_I / 2 => {
                Some((slip, since))
            }
            _ => (off > self.tolerance).then_some((slip, now)),
        };
    }
}

fn is_quiet(audio: &[u8]) -> bool {
    audio
        .iter()
        .all(|&byte| ULAW_TO_LINEAR[usize::from(byte)].unsigned_abs() <= QUIET)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::g711::ULAW_SILENCE;

    const LOUD: [u8; 160] = [0; 160];
    const QUIET: [u8; 160] = [ULAW_SILENCE; 160];

    /// When a source slips whose packets come that late or early from the start on: packet, slip. `quiet`
    /// tells which of them are.
    fn slips(lateness: i64, quiet: impl Fn(u64) -> bool) -> Vec<(u64, Slip)> {
        let start = Instant::now();
        let mut drift = Drift::new(start, CHUNK_I);
        let mut off = lateness;
        let packets = (1..600_u64).filter_map(|n| {
            let audio = if quiet(n) { &QUIET } else { &LOUD };
            let slip = drift.note(start + Duration::from_millis(20 * n), off, audio)?;
            off += if slip == Slip::Insert {
                -CHUNK_I
            } else {
                CHUNK_I
            };
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
    fn who_never_falls_quiet_is_put_right_all_the_same() {
        assert_eq!(slips(-320, |_| false), [(275, Slip::Drop)]);
    }

    #[test]
    fn what_has_passed_by_the_next_pause_is_forgotten() {
        let start = Instant::now();
        let mut drift = Drift::new(start, CHUNK_I);
        for n in 1..200 {
            let lateness = if n < 40 { -320 } else { 0 };
            let audio = if n < 80 { &LOUD } else { &QUIET };
            let at = start + Duration::from_millis(20 * n);
            assert_eq!(drift.note(at, lateness, audio), None, "{n}");
        }
    }
}
