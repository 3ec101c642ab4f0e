//! So many starts a second, and a small burst.

use std::time::{Duration, Instant};

/// A token bucket on the caller's clock.
#[derive(Debug)]
pub(crate) struct Rate {
    interval: Duration,
    burst: Duration,
    /// When the bucket, filled since then, would hold all its tokens used so far.
    full_at: Instant,
}

impl Rate {
    /// `per_second` at least 1; a tenth of it (at least one) may come at once.
    pub(crate) fn new(per_second: u32, now: Instant) -> Self {
        let per_second = per_second.max(1);
        let interval = Duration::from_secs(1) / per_second;
        Self {
            interval,
            burst: interval * (per_second / 10).max(1),
            full_at: now,
        }
    }

    /// Take one token, or say when there will be one.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        let after = self.full_at.max(now) + self.interval;
        if after > now + self.burst {
            return Err(after - self.burst);
        }
        self.full_at = after;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate_then_a_burst_again() {
        let start = Instant::now();
        let mut rate = Rate::new(100, start);
        let burst = (0..100).take_while(|_| rate.take(start).is_ok()).count();
        assert_eq!(burst, 10);
        let mut now = start;
        for _ in 0..50 {
            let next = rate.take(now).unwrap_err();
            assert_eq!(next - now, Duration::from_millis(10));
            now = next;
            assert_eq!(rate.take(now), Ok(()));
        }
        now += Duration::from_secs(5);
        assert_eq!((0..100).take_while(|_| rate.take(now).is_ok()).count(), 10);
    }

    #[test]
    fn one_a_second_is_possible() {
        let now = Instant::now();
        let mut rate = Rate::new(0, now);
        assert_eq!(rate.take(now), Ok(()));
        assert_eq!(rate.take(now), Err(now + Duration::from_secs(1)));
    }
}
