//! One call's clock: samples since the leg was made, and the chunks of 20 ms they fall into.

use std::time::{Duration, Instant};

/// Samples, and payload bytes, and RTP ticks, in a millisecond.
pub const PER_MS: i64 = 8;
/// Samples in a chunk of 20 ms.
pub const CHUNK: usize = 160;
/// The same, for positions.
pub const CHUNK_I: i64 = CHUNK as i64;
/// Milliseconds in a chunk.
pub const CHUNK_MS: u64 = 20;
/// Timeouts are rounded up to this, so that the legs of a thread wake it together.
const STEP: Duration = Duration::from_millis(5);

/// Positions on it are samples at 8 kHz; chunk `n` covers positions `160 n` to `160 n + 159`.
#[derive(Debug, Clone, Copy)]
pub struct CallClock {
    origin: Instant,
}

impl CallClock {
    pub fn new(origin: Instant) -> Self {
        Self { origin }
    }

    pub fn position(self, now: Instant) -> i64 {
        let micros = now.saturating_duration_since(self.origin).as_micros() as i64;
        micros * PER_MS / 1000
    }

    /// When `position` is reached.
    pub fn instant(self, position: i64) -> Instant {
        self.origin + samples(position)
    }

    pub fn ms(self, now: Instant) -> u64 {
        now.saturating_duration_since(self.origin).as_millis() as u64
    }
}

/// The time `count` samples last; a negative count lasts no time.
pub fn samples(count: i64) -> Duration {
    Duration::from_micros(count.max(0) as u64 * 1000 / PER_MS as u64)
}

/// The first common step of all legs not before `when`.
pub fn step_up(epoch: Instant, when: Instant) -> Instant {
    // In nanoseconds: with any of them cut off the step could lie before `when`.
    let since = when.saturating_duration_since(epoch).as_nanos() as u64;
    let step = STEP.as_nanos() as u64;
    epoch + Duration::from_nanos(since.div_ceil(step) * step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_instants_undo_each_other() {
        let origin = Instant::now();
        let clock = CallClock::new(origin);
        for position in [0, 8, 160, 28_800_000] {
            assert_eq!(clock.position(clock.instant(position)), position);
        }
        assert_eq!(clock.instant(-8), origin);
    }

    #[test]
    fn steps_round_up() {
        let epoch = Instant::now();
        let at = |us| epoch + Duration::from_micros(us);
        assert_eq!(step_up(epoch, at(0)), at(0));
        assert_eq!(step_up(epoch, at(1)), at(5000));
        assert_eq!(step_up(epoch, at(5000)), at(5000));
        let just_after = at(5000) + Duration::from_nanos(1);
        assert_eq!(step_up(epoch, just_after), at(10_000));
    }
}
