//! When a new call is refused.

use std::collections::{HashSet, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::bucket::{Bucket, Rate, Sources};

/// What the operator allows.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// New INVITEs a second, from all sources together.
    pub calls_per_second: u32,
    /// Dialogs at once.
    pub max_dialogs: usize,
}

/// How things stand right now.
#[derive(Debug, Clone, Copy, Default)]
pub struct Load {
    /// Dialogs there are.
    pub dialogs: usize,
    /// How long the oldest event has waited for Python.
    pub oldest_event_ms: u64,
    /// The server is being stopped.
    pub draining: bool,
}

/// Why a call is refused, each with its own advice when to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The server is being stopped.
    Draining,
    /// `max_dialogs` are there.
    Dialogs,
    /// Python does not keep up.
    Behind,
    /// More than `calls_per_second`.
    Rate,
    /// More from this source than one source may take.
    SourceRate,
}

impl Refusal {
    /// For Retry-After (RFC 3261 §20.33).
    pub fn retry_after_s(self) -> u32 {
        match self {
            Self::Draining => 30,
            Self::Dialogs => 10,
            Self::Behind => 5,
            Self::Rate | Self::SourceRate => 2,
        }
    }

    /// For the operator.
    pub fn text(self) -> &'static str {
        match self {
            Self::Draining => "no new calls: stopping",
            Self::Dialogs => "max_dialogs reached",
            Self::Behind => "the event queue is behind",
            Self::Rate => "calls_per_second exceeded",
            Self::SourceRate => "calls_per_second exceeded by this source alone",
        }
    }
}

/// The gate. A repeated INVITE that was let in passes again: refusing it would end a call that
/// is being set up.
#[derive(Debug)]
pub struct Gate {
    limits: Limits,
    global: Bucket,
    sources: Sources,
    passed: HashSet<u64>,
    passed_order: VecDeque<(Instant, u64)>,
}

const LATE_EVENT_MS: u64 = 200;
/// A UDP client repeats its INVITE for 64*T1 (RFC 3261 timer B).
const REPEATS_FOR: Duration = Duration::from_secs(32);
const MAX_PASSED: usize = 65_536;
/// A stranger gets at most this part of `calls_per_second`; a trunk may take all of it.
const SOURCE_SHARE: f64 = 0.5;

impl Gate {
    /// An open one.
    pub fn new(limits: Limits, now: Instant) -> Self {
        Self {
            limits,
            global: Bucket::full(global_rate(limits), now),
            sources: Sources::new(source_rate(limits), now),
            passed: HashSet::new(),
            passed_order: VecDeque::new(),
        }
    }

    /// Judge one new call. `transaction` tells a repetition from another call.
    pub fn admit(
        &mut self,
        now: Instant,
        source: IpAddr,
        is_trunk: bool,
        transaction: u64,
        load: Load,
    ) -> Result<(), Refusal> {
        self.forget_old(now);
        if self.passed.contains(&transaction) {
            return Ok(());
        }
        let standing = [
            (load.draining, Refusal::Draining),
            (load.dialogs >= self.limits.max_dialogs, Refusal::Dialogs),
            (load.oldest_event_ms > LATE_EVENT_MS, Refusal::Behind),
        ];
        if let Some((_, refusal)) = standing.into_iter().find(|(holds, _)| *holds) {
            return Err(refusal);
        }
        if !is_trunk {
            let rate = source_rate(self.limits);
            let bucket = self.sources.of(source, rate, now);
            if !bucket.has_one(rate, now) {
                return Err(Refusal::SourceRate);
            }
            bucket.take_one();
        }
        if !self.global.has_one(global_rate(self.limits), now) {
            return Err(Refusal::Rate);
        }
        self.global.take_one();
        self.remember(now, transaction);
        Ok(())
    }

    fn remember(&mut self, now: Instant, transaction: u64) {
        if self.passed_order.len() >= MAX_PASSED {
            self.forget_one();
        }
        if self.passed.insert(transaction) {
            self.passed_order.push_back((now, transaction));
        }
    }

    fn forget_old(&mut self, now: Instant) {
        while self
            .passed_order
            .front()
            .is_some_and(|(at, _)| now.saturating_duration_since(*at) > REPEATS_FOR)
        {
            self.forget_one();
        }
    }

    fn forget_one(&mut self) {
        if let Some((_, oldest)) = self.passed_order.pop_front() {
            self.passed.remove(&oldest);
        }
    }
}

/// A whole second's worth may come at once: callers are not evenly spaced.
fn global_rate(limits: Limits) -> Rate {
    let per_second = f64::from(limits.calls_per_second);
    Rate {
        per_second,
        burst: per_second.max(1.0),
    }
}

fn source_rate(limits: Limits) -> Rate {
    let per_second = f64::from(limits.calls_per_second) * SOURCE_SHARE;
    Rate {
        per_second,
        burst: per_second.max(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        calls_per_second: 100,
        max_dialogs: 50,
    };
    const IDLE: Load = Load {
        dialogs: 0,
        oldest_event_ms: 0,
        draining: false,
    };

    fn ip(n: u32) -> IpAddr {
        IpAddr::V4((0x0a00_0000 + n).into())
    }

    /// How many of `offered` calls, evenly over `seconds`, are let in.
    fn offer(
        gate: &mut Gate,
        start: Instant,
        offered: u32,
        seconds: f64,
        source: impl Fn(u32) -> IpAddr,
        trunk: bool,
    ) -> u32 {
        let at =
            |n: u32| start + Duration::from_secs_f64(seconds * f64::from(n) / f64::from(offered));
        (0..offered)
            .filter(|n| {
                gate.admit(at(*n), source(*n), trunk, u64::from(*n), IDLE)
                    .is_ok()
            })
            .count() as u32
    }

    #[test]
    fn the_rate_is_held_after_one_burst() {
        let start = Instant::now();
        let cases = [
            ("many sources", 3_000, true, 1_100),
            ("a trunk alone", 3_000, false, 1_100),
            ("within the rate", 900, true, 900),
        ];
        for (why, offered, spread, expected) in cases {
            let mut gate = Gate::new(LIMITS, start);
            let source = |n| if spread { ip(n % 100) } else { ip(1) };
            let passed = offer(&mut gate, start, offered, 10.0, source, !spread);
            assert!(
                passed.abs_diff(expected) <= 2,
                "{why}: {passed}, expected about {expected}"
            );
        }
    }

    #[test]
    fn one_stranger_leaves_room_for_others() {
        let start = Instant::now();
        let mut gate = Gate::new(LIMITS, start);
        assert!(offer(&mut gate, start, 1_000, 0.001, |_| ip(1), false).abs_diff(50) <= 1);
        assert_eq!(
            gate.admit(start, ip(1), false, 9_999, IDLE),
            Err(Refusal::SourceRate)
        );
        assert_eq!(gate.admit(start, ip(2), false, 9_998, IDLE), Ok(()));
    }

    #[test]
    fn each_reason_is_told() {
        let now = Instant::now();
        let mut gate = Gate::new(LIMITS, now);
        let cases = [
            (
                Load {
                    dialogs: 49,
                    oldest_event_ms: 200,
                    draining: false,
                },
                Ok(()),
            ),
            (
                Load {
                    dialogs: 50,
                    oldest_event_ms: 0,
                    draining: false,
                },
                Err(Refusal::Dialogs),
            ),
            (
                Load {
                    dialogs: 0,
                    oldest_event_ms: 201,
                    draining: false,
                },
                Err(Refusal::Behind),
            ),
        ];
        for (n, (load, expected)) in cases.into_iter().enumerate() {
            assert_eq!(
                gate.admit(now, ip(1), true, n as u64, load),
                expected,
                "{load:?}"
            );
        }
        let stopping = Load {
            draining: true,
            ..IDLE
        };
        assert_eq!(
            gate.admit(now, ip(1), true, 99, stopping),
            Err(Refusal::Draining)
        );
    }

    #[test]
    fn a_repeated_invite_passes_whatever_has_happened_since() {
        let now = Instant::now();
        let mut gate = Gate::new(LIMITS, now);
        assert_eq!(gate.admit(now, ip(1), false, 7, IDLE), Ok(()));
        let busy = Load {
            dialogs: 1_000,
            oldest_event_ms: 10_000,
            draining: true,
        };
        assert_eq!(
            gate.admit(now + Duration::from_secs(31), ip(1), false, 7, busy),
            Ok(())
        );
        assert_eq!(
            gate.admit(now + Duration::from_secs(33), ip(1), false, 7, busy),
            Err(Refusal::Draining)
        );
    }

    #[test]
    fn memory_is_bounded_under_a_flood_from_everywhere() {
        let start = Instant::now();
        let mut gate = Gate::new(
            Limits {
                calls_per_second: 1_000_000,
                max_dialogs: 1,
            },
            start,
        );
        offer(&mut gate, start, 200_000, 1.0, ip, false);
        assert!(gate.sources.len() <= 8_192, "{}", gate.sources.len());
        assert_eq!(
            (gate.passed.len(), gate.passed_order.len()),
            (MAX_PASSED, MAX_PASSED)
        );
    }
}
