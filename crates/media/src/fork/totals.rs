//! What a fork counts, and the account it gives at its end.

use std::time::Duration;

use super::latency::Latency;
use super::wire::Failure;
use crate::clock::CHUNK_MS;
use crate::event::{EndReason, ForkEnded};
use crate::ids::{ForkId, LegId};

#[derive(Debug)]
pub struct Totals {
    frames_sent: u64,
    chunks_sent: u64,
    pub chunks_dropped: u64,
    pub chunks_replayed: u64,
    /// Told as missing, and never sent after all.
    pub chunks_missing: u64,
    pub reconnects: u32,
    samples_repaired: u64,
    latency: Latency,
}

/// How a fork ended.
#[derive(Debug)]
pub struct Ended {
    pub reason: EndReason,
    pub code: u32,
    pub detail: String,
    pub close_code: u16,
}

impl Ended {
    pub fn failed(failure: Failure) -> Self {
        Self {
            reason: EndReason::Failed,
            code: failure.code,
            detail: failure.detail,
            close_code: 0,
        }
    }
}

impl Totals {
    pub fn new() -> Self {
        Self {
            frames_sent: 0,
            chunks_sent: 0,
            chunks_dropped: 0,
            chunks_replayed: 0,
            chunks_missing: 0,
            reconnects: 0,
            samples_repaired: 0,
            latency: Latency::new(),
        }
    }

    /// A frame of so many chunks was handed over; so many of its samples are a repair.
    pub fn sent(&mut self, chunks: u64, repaired: u32) {
        self.frames_sent += 1;
        self.chunks_sent += chunks;
        self.samples_repaired += u64::from(repaired);
    }

    pub fn took(&mut self, time: Duration) {
        self.latency.note(time);
    }

    pub fn ended(&self, leg: LegId, fork: ForkId, how: Ended, lag_max_ms: u32) -> ForkEnded {
        ForkEnded {
            leg,
            fork,
            reason: how.reason,
            code: how.code,
            detail: how.detail,
            close_code: how.close_code,
            frames_sent: self.frames_sent,
            ms_sent: self.chunks_sent * CHUNK_MS,
            ms_dropped: self.chunks_dropped * CHUNK_MS,
            ms_repaired: self.samples_repaired / 8,
            lag_max_ms,
            reconnects: self.reconnects,
            ms_replayed: self.chunks_replayed * CHUNK_MS,
            ms_missing: self.chunks_missing * CHUNK_MS,
            latency_p50_us: self.latency.percentile(0.5),
            latency_p99_us: self.latency.percentile(0.99),
            ms_played: 0,
        }
    }
}

impl ForkEnded {
    /// The end of a fork whose leg was gone before it began.
    pub(crate) fn without_leg(leg: LegId, fork: ForkId) -> Self {
        let how = Ended {
            reason: EndReason::CallEnded,
            code: 0,
            detail: String::new(),
            close_code: 0,
        };
        Totals::new().ended(leg, fork, how, 0)
    }
}
