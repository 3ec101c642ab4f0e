//! How far behind the far end is, when to say so, and when to skip.

use std::time::{Duration, Instant};

use super::shape::Channels;
use super::{Fork, Rings, Stage};
use crate::clock::CHUNK_MS;
use crate::config::Track;
use crate::event::MediaEvent;
use crate::sink::Sink;
use crate::target::Overflow;

/// Told when crossed upward; told again only after the lag has fallen below the lowest.
const STEPS: [u32; 3] = [30, 60, 90];
/// What 100 stands for: audio was skipped.
pub const SKIPPED: u32 = 100;
/// Skipping goes on chunk by chunk while a far end stands still: told once a second.
const AGAIN: Duration = Duration::from_secs(1);

impl Fork {
    /// How far behind the furthest track is.
    fn lag_ms(&self, rings: &Rings) -> u32 {
        let behind_ms = match &self.kept {
            Some(kept) => kept.behind_ms(),
            None => self.behind(rings) * CHUNK_MS,
        };
        u32::try_from(behind_ms)
            .unwrap_or(u32::MAX)
            .saturating_add(self.unsent_ms)
    }

    /// Tell how far behind it is; beyond the bound, let give way what is to.
    pub(super) fn bound_lag(&mut self, now: Instant, rings: &Rings, sink: &mut impl Sink) {
        let lag_ms = self.lag_ms(rings);
        let connected = !matches!(self.stage, Stage::Connecting | Stage::Waiting { .. });
        // What waits for a connection is bounded by its ring.
        let most_ms = match &self.kept {
            Some(kept) if !connected => kept.ring_ms(),
            _ => self.max_lag_ms,
        };
        let step = self.lag.note(lag_ms, most_ms);
        let waits = self.kept.is_some() && !connected;
        if lag_ms <= most_ms || waits || self.ending.is_some() {
            if let Some(percent) = step {
                self.tell_lag(lag_ms, percent, sink);
            }
            return;
        }
        if connected && self.overflow == Overflow::Close {
            return self.end_too_slow(lag_ms, rings, sink);
        }
        let room_ms = most_ms.saturating_sub(self.unsent_ms);
        let keep = match self.overflow {
            // Not connected yet: keep the newest.
            _ if !connected => u64::from(most_ms) / CHUNK_MS,
            Overflow::SkipToLive if room_ms > 0 => self.shape.chunks(),
            Overflow::SkipToLive => 0,
            Overflow::DropOldest | Overflow::Close => u64::from(room_ms) / CHUNK_MS,
        };
        match &mut self.kept {
            Some(kept) => self.totals.chunks_dropped += kept.pass_over(keep * CHUNK_MS),
            None => self.skip_to(keep, rings),
        }
        if self.lag.skipped(now) {
            self.tell_lag(lag_ms, SKIPPED, sink);
        }
    }

    /// Chunks the far end could have: not those of a frame that is in the making.
    fn behind(&self, rings: &Rings) -> u64 {
        let unfinished = self.shape.chunks() - 1;
        match self.shape.channels {
            Channels::Separate => self.reader.behind(rings),
            Channels::Stereo | Channels::Mixed => self.reader.behind_together(&Track::ALL, rings),
        }
        .saturating_sub(unfinished)
    }

    /// Skip what is older than so many chunks.
    pub(super) fn skip_to(&mut self, keep: u64, rings: &Rings) {
        self.totals.chunks_dropped += match self.shaper {
            Some(_) if self.ending.is_none() => {
                self.reader.skip_to_frame(keep, self.shape.chunks(), rings)
            }
            _ => self.reader.skip_to(keep, rings),
        };
    }

    pub(super) fn tell_lag(&self, lag_ms: u32, percent: u32, sink: &mut impl Sink) {
        sink.event(MediaEvent::ForkLagging {
            leg: self.leg,
            fork: self.id,
            lag_ms,
            percent,
            dropped_ms: self.totals.chunks_dropped * CHUNK_MS,
        });
    }
}

#[derive(Debug, Default)]
pub struct LagWatch {
    told: u32,
    skipped_at: Option<Instant>,
    pub most_ms: u32,
}

impl LagWatch {
    /// The percentage to tell, if it is time to.
    pub fn note(&mut self, lag_ms: u32, max_ms: u32) -> Option<u32> {
        self.most_ms = self.most_ms.max(lag_ms);
        let percent = u64::from(lag_ms) * 100 / u64::from(max_ms.max(1));
        let step = STEPS.into_iter().rev().find(|&step| percent >= step.into());
        match step {
            None => {
                self.told = 0;
                None
            }
            Some(step) if step > self.told => {
                self.told = step;
                Some(step)
            }
            Some(_) => None,
        }
    }

    /// Audio was skipped: is it time to tell?
    pub fn skipped(&mut self, now: Instant) -> bool {
        let due = self
            .skipped_at
            .is_none_or(|at| now.saturating_duration_since(at) >= AGAIN);
        if due {
            self.skipped_at = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_told_once_on_the_way_up() {
        let mut watch = LagWatch::default();
        let told: Vec<Option<u32>> = [0, 299, 300, 400, 650, 500, 950, 200, 350]
            .map(|lag| watch.note(lag, 1000))
            .to_vec();
        assert_eq!(
            told,
            [
                None,
                None,
                Some(30),
                None,
                Some(60),
                None,
                Some(90),
                None,
                Some(30)
            ]
        );
        assert_eq!(watch.most_ms, 950);
    }

    #[test]
    fn skipping_is_told_once_a_second() {
        let mut watch = LagWatch::default();
        let start = Instant::now();
        let told = (0..100).filter(|n| watch.skipped(start + Duration::from_millis(n * 20)));
        assert_eq!(told.count(), 2);
    }
}
