//! Repeated failures: counted per source, then the source is blocked, each time for longer.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// The sources that failed lately. Bounded: when full, whoever was quiet longest is forgotten.
#[derive(Debug, Default)]
pub struct Backoff {
    sources: HashMap<IpAddr, Record>,
}

#[derive(Debug, Clone, Copy)]
struct Record {
    /// Failures since `window`.
    failures: u32,
    window: Instant,
    last: Instant,
    /// How often it was blocked.
    strikes: u32,
    blocked_until: Option<Instant>,
}

const MAX_SOURCES: usize = 4_096;
const ALLOWED_FAILURES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
const FIRST_BLOCK: Duration = Duration::from_secs(60);
const LONGEST_BLOCK: Duration = Duration::from_secs(3_600);
/// A source that did nothing wrong for this long starts anew.
const FORGIVEN_AFTER: Duration = Duration::from_secs(7_200);

impl Backoff {
    /// Whether `source` is to be refused unseen.
    pub fn is_blocked(&self, now: Instant, source: IpAddr) -> bool {
        self.sources
            .get(&source_key(source))
            .and_then(|r| r.blocked_until)
            .is_some_and(|until| now < until)
    }

    /// Count a failure; true where it was the one too many.
    pub fn failed(&mut self, now: Instant, source: IpAddr) -> bool {
        let key = source_key(source);
        if self.sources.len() >= MAX_SOURCES && !self.sources.contains_key(&key) {
            self.make_room(now);
        }
        let fresh = Record {
            failures: 0,
            window: now,
            last: now,
            strikes: 0,
            blocked_until: None,
        };
        let record = self.sources.entry(key).or_insert(fresh);
        if now.saturating_duration_since(record.last) > FORGIVEN_AFTER {
            *record = fresh;
        }
        if now.saturating_duration_since(record.window) > WINDOW {
            (record.window, record.failures) = (now, 0);
        }
        record.last = now;
        record.failures += 1;
        if record.failures < ALLOWED_FAILURES {
            return false;
        }
        let block = FIRST_BLOCK
            .saturating_mul(1 << record.strikes.min(10))
            .min(LONGEST_BLOCK);
        record.blocked_until = Some(now + block);
        record.strikes += 1;
        (record.window, record.failures) = (now, 0);
        true
    }

    fn make_room(&mut self, now: Instant) {
        self.sources
            .retain(|_, record| now.saturating_duration_since(record.last) <= FORGIVEN_AFTER);
        if self.sources.len() >= MAX_SOURCES {
            let quietest = self
                .sources
                .iter()
                .min_by_key(|(_, record)| record.last)
                .map(|(key, _)| *key);
            if let Some(key) = quietest {
                self.sources.remove(&key);
            }
        }
    }
}

/// What counts as one source: an IPv4 address, or an IPv6 /64, of which everybody has plenty.
pub fn source_key(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_block_is_longer_and_ends() {
        let mut backoff = Backoff::default();
        let (mut now, source) = (Instant::now(), ip("192.0.2.1"));
        for expected_s in [60, 120, 240, 480, 960, 1_920, 3_600, 3_600] {
            for n in 1..=ALLOWED_FAILURES {
                assert!(!backoff.is_blocked(now, source));
                assert_eq!(backoff.failed(now, source), n == ALLOWED_FAILURES);
            }
            assert!(backoff.is_blocked(now + Duration::from_secs(expected_s - 1), source));
            assert!(!backoff.is_blocked(now, ip("192.0.2.2")));
            now += Duration::from_secs(expected_s);
        }
    }

    #[test]
    fn slow_failures_do_not_block() {
        let mut backoff = Backoff::default();
        let (mut now, source) = (Instant::now(), ip("192.0.2.1"));
        for _ in 0..100 {
            now += Duration::from_secs(7);
            assert!(!backoff.failed(now, source));
        }
    }

    #[test]
    fn a_whole_ipv6_network_is_one_source() {
        let mut backoff = Backoff::default();
        let now = Instant::now();
        for n in 1..=ALLOWED_FAILURES {
            backoff.failed(now, ip(&format!("2001:db8::{n}")));
        }
        assert!(backoff.is_blocked(now, ip("2001:db8::ffff")));
        assert!(!backoff.is_blocked(now, ip("2001:db8:0:1::1")));
    }

    #[test]
    fn the_table_stays_bounded_and_keeps_who_is_active() {
        let mut backoff = Backoff::default();
        let mut now = Instant::now();
        let attacker = ip("192.0.2.1");
        for n in 0..6_000u32 {
            now += Duration::from_millis(1);
            backoff.failed(now, IpAddr::V4((0x0a00_0000 + n).into()));
            if n % 300 == 0 {
                backoff.failed(now, attacker);
            }
        }
        assert_eq!(backoff.sources.len(), MAX_SOURCES);
        assert!(backoff.is_blocked(now, attacker));
    }
}
