//! How far behind the far end is, and when to say so.

use std::time::{Duration, Instant};

/// Told when crossed upward; told again only after the lag has fallen below the lowest.
const STEPS: [u32; 3] = [30, 60, 90];
/// What 100 stands for: audio was skipped.
pub const SKIPPED: u32 = 100;
/// Skipping goes on chunk by chunk while a far end stands still: told once a second.
const AGAIN: Duration = Duration::from_secs(1);

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
