//! What the user repeats itself: a 2xx until its ACK (RFC 3261 §13.3.1.4), a reliable provisional
//! until its PRACK (RFC 3262 §3). Over streams too: a proxy behind them may lose it.

use std::time::{Duration, Instant};

use crate::transaction::{PATIENCE, T1, T2};
use crate::types::SendTo;

#[derive(Clone, Debug)]
pub(crate) struct Resend {
    pub bytes: Vec<u8>,
    pub to: SendTo,
    interval: Duration,
    /// Where the doubling ends; a provisional's never does.
    cap: Option<Duration>,
    next: Instant,
    give_up: Instant,
}

pub(crate) enum Due {
    Again,
    GiveUp,
}

impl Resend {
    pub fn success(now: Instant, bytes: Vec<u8>, to: SendTo) -> Resend {
        Resend {
            bytes,
            to,
            interval: T1,
            cap: Some(T2),
            next: now + T1,
            give_up: now + PATIENCE,
        }
    }

    pub fn provisional(now: Instant, bytes: Vec<u8>, to: SendTo) -> Resend {
        Resend {
            cap: None,
            ..Resend::success(now, bytes, to)
        }
    }

    pub fn next_timeout(&self) -> Instant {
        self.next.min(self.give_up)
    }

    pub fn due(&mut self, now: Instant) -> Option<Due> {
        if self.give_up <= now {
            return Some(Due::GiveUp);
        }
        if self.next > now {
            return None;
        }
        self.interval *= 2;
        if let Some(cap) = self.cap {
            self.interval = self.interval.min(cap);
        }
        self.next += self.interval;
        Some(Due::Again)
    }
}
