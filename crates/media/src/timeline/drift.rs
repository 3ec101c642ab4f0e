//! RTP time against the call's clock: the earliest packet of each half second tells how late a
//! source runs; jitter only ever makes packets later.

use std::time::{Duration, Instant};

use crate::clock::CHUNK_I;

const EVERY: Duration = Duration::from_millis(500);

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
        if least > CHUNK_I {
            Some(Slip::Insert)
        } else if least < -CHUNK_I {
            Some(Slip::Drop)
        } else {
            None
        }
    }
}
