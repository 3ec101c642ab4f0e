//! RTP time against the call's clock: the earliest packet of each half second tells how late a
//! source runs; jitter only ever makes packets later.

use std::time::{Duration, Instant};

use crate::clock::CHUNK_I;

const EVERY: Duration = Duration::from_millis(500);
/// Beyond this a source is off by more than half a chunk, and nearer its place one chunk on: two
/// tracks are then never more than a chunk apart, but for what lies between the two decisions.
const OFF: i64 = CHUNK_I / 2 + 16;

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
}

impl Drift {
    pub fn new(now: Instant) -> Self {
        Self {
            since: now,
            least: None,
            lateness: 0,
        }
    }

    /// How late this source runs at best, in samples, from 0 to a chunk.
    pub fn lateness(&self) -> i64 {
        self.lateness
    }

    /// A packet came `lateness` samples after its place on the clock.
    pub fn note(&mut self, now: Instant, lateness: i64) -> Option<Slip> {
        let least = self.least.map_or(lateness, |least| least.min(lateness));
        self.least = Some(least);
        if now.saturating_duration_since(self.since) < EVERY {
            return None;
        }
        self.since = now;
        self.least = None;
        self.lateness = least.clamp(0, CHUNK_I);
        if least > OFF {
            Some(Slip::Insert)
        } else if least < -OFF {
            Some(Slip::Drop)
        } else {
            None
        }
    }
}
