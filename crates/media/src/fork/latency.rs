//! How long audio took from the packet to the hand-over: counts in fixed buckets, each a
//! sixteenth of an octave of microseconds, up to half a minute.

use std::time::Duration;

const PER_OCTAVE: u32 = 16;
const OCTAVES: usize = 22;

#[derive(Debug)]
pub struct Latency {
    counts: [u32; PER_OCTAVE as usize * OCTAVES],
    total: u32,
}

impl Latency {
    pub fn new() -> Self {
        Self {
            counts: [0; PER_OCTAVE as usize * OCTAVES],
            total: 0,
        }
    }

    pub fn note(&mut self, took: Duration) {
        let us = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        let last = self.counts.len() - 1;
        if let Some(count) = self.counts.get_mut(bucket(us).min(last)) {
            *count = count.saturating_add(1);
            self.total = self.total.saturating_add(1);
        }
    }

    /// The middle of the bucket that holds this part of all, from 0 to 1; 0 when there is none.
    pub fn percentile(&self, part: f64) -> u32 {
        let wanted = (f64::from(self.total) * part).ceil().max(1.0) as u32;
        let mut passed = 0_u32;
        for (at, &count) in self.counts.iter().enumerate() {
            passed = passed.saturating_add(count);
            if passed >= wanted {
                return middle(at);
            }
        }
        0
    }
}

/// Values below 16 have a bucket each; from there on 16 buckets an octave.
fn bucket(us: u32) -> usize {
    if us < PER_OCTAVE {
        return us as usize;
    }
    let octave = us.ilog2() - PER_OCTAVE.ilog2();
    ((octave + 1) * PER_OCTAVE + (us >> octave) - PER_OCTAVE) as usize
}

fn middle(bucket: usize) -> u32 {
    let bucket = bucket as u32;
    if bucket < PER_OCTAVE {
        return bucket;
    }
    let octave = bucket / PER_OCTAVE - 1;
    let low = (bucket % PER_OCTAVE + PER_OCTAVE) << octave;
    low + ((1 << octave) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_a_bucket_of_the_truth() {
        let mut latency = Latency::new();
        assert_eq!(latency.percentile(0.5), 0);
        for us in 1..=10_000 {
            latency.note(Duration::from_micros(us));
        }
        for (part, truth) in [(0.5, 5000.0), (0.99, 9900.0), (0.001, 10.0)] {
            let got = f64::from(latency.percentile(part));
            assert!((got - truth).abs() <= truth / 16.0, "{part}: {got}");
        }
    }

    #[test]
    fn extremes_have_a_place() {
        let mut latency = Latency::new();
        latency.note(Duration::ZERO);
        assert_eq!(latency.percentile(0.99), 0);
        latency.note(Duration::from_secs(100_000));
        assert!(latency.percentile(0.99) > 30_000_000);
    }

    #[test]
    fn buckets_and_middles_agree() {
        for us in (0..2_000_000).step_by(37) {
            assert_eq!(bucket(middle(bucket(us))), bucket(us));
        }
    }
}
