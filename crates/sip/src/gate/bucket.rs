//! Token buckets: one, and a bounded table of one per source.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

use crate::admission::source_key;

/// How fast, and how much at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rate {
    pub per_second: f64,
    pub burst: f64,
}

/// Tokens that come back with time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    pub(super) fn full(rate: Rate, now: Instant) -> Self {
        Self {
            tokens: rate.burst,
            at: now,
        }
    }

    pub(super) fn has_one(&mut self, rate: Rate, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * rate.per_second).min(rate.burst);
        self.at = self.at.max(now);
        self.tokens >= 1.0
    }

    pub(super) fn take_one(&mut self) {
        self.tokens -= 1.0;
    }
}

/// One bucket per source. When the table is full, sources that have all their tokens are
/// forgotten, which changes nothing for them; if there is none, newcomers share one bucket.
#[derive(Debug)]
pub(super) struct Sources {
    buckets: HashMap<IpAddr, Bucket>,
    newcomers: Bucket,
}

const MAX_SOURCES: usize = 8_192;

impl Sources {
    pub(super) fn new(rate: Rate, now: Instant) -> Self {
        Self {
            buckets: HashMap::new(),
            newcomers: Bucket::full(rate, now),
        }
    }

    pub(super) fn of(&mut self, source: IpAddr, rate: Rate, now: Instant) -> &mut Bucket {
        let key = source_key(source);
        if self.buckets.len() >= MAX_SOURCES && !self.buckets.contains_key(&key) {
            if !self.newcomers.has_one(rate, now) {
                return &mut self.newcomers; // and no scan per packet of a flood
            }
            self.buckets.retain(|_, bucket| {
                bucket.has_one(rate, now);
                bucket.tokens < rate.burst
            });
            if self.buckets.len() >= MAX_SOURCES {
                return &mut self.newcomers;
            }
        }
        self.buckets
            .entry(key)
            .or_insert_with(|| Bucket::full(rate, now))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.buckets.len()
    }
}
