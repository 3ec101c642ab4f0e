//! What the shard tells, one to one with the media events of `_engine.pyi`.

use std::net::SocketAddr;

use crate::ids::{ForkId, LegId, PlayId, RecordId};

/// Something that happened on a leg.
#[derive(Debug, Clone, PartialEq)]
pub enum MediaEvent {
    /// One key, once.
    DtmfPressed {
        /// The leg that pressed it.
        leg: LegId,
        /// One of `0-9*#A-D`.
        digit: char,
        /// How long it was held.
        duration_ms: u32,
        /// Heard in the audio, not as a telephone-event.
        inband: bool,
    },
    /// A `Play` or `SendDtmf` is over.
    PlayEnded {
        /// The leg it played to.
        leg: LegId,
        /// The order it answers.
        play: PlayId,
        /// False when it was cut short.
        completed: bool,
    },
    /// No packet for `rtp_timeout` while one was expected.
    RtpTimedOut {
        /// The silent leg.
        leg: LegId,
        /// For how long.
        silent_ms: u64,
    },
    /// The last word of a leg.
    LegClosed {
        /// Its last figures; `stats.leg` names it.
        stats: LegStats,
    },
    /// `connected` and `start` were handed over.
    ForkOpened {
        /// The leg it copies.
        leg: LegId,
        /// The fork.
        fork: ForkId,
        /// From `StartFork` to the hand-over.
        connect_ms: f64,
    },
    /// There is no connection, or no more: another one is made. Makes void what was told of it before.
    ForkReconnecting {
        /// The leg it copies.
        leg: LegId,
        /// The fork.
        fork: ForkId,
        /// The endpoint that is dialled next, from 0.
        endpoint: u32,
        /// In how long.
        wait_ms: u32,
        /// Why there is none: Twilio's code (31901 …) or 0.
        code: u32,
        /// The cause in words.
        detail: String,
        /// The WebSocket close code received, else 0.
        close_code: u16,
    },
    /// A new connection took the place of the one that broke.
    ForkResumed {
        /// The leg it copies.
        leg: LegId,
        /// The fork.
        fork: ForkId,
        /// Which endpoint answered, from 0.
        endpoint: u32,
        /// How long there was none.
        down_ms: u64,
        /// The server said what it had kept.
        knows: bool,
        /// Messages that are sent again.
        frames_replayed: u64,
        /// Audio that is missing, of the track that lacks more.
        gap_ms: u64,
    },
    /// The far end is behind, or audio was skipped.
    ForkLagging {
        /// The leg it copies.
        leg: LegId,
        /// The fork.
        fork: ForkId,
        /// Queued here plus unsent in the socket.
        lag_ms: u32,
        /// 30, 60 or 90 of `max_lag_ms`; 100 when audio was skipped (31930).
        percent: u32,
        /// What was skipped so far, over all its tracks.
        dropped_ms: u64,
    },
    /// The far end of a bidirectional fork did what it should not; each code once a fork.
    ForkWarned {
        /// The leg it speaks to.
        leg: LegId,
        /// The fork.
        fork: ForkId,
        /// 31931, 31950 or 31951.
        code: u32,
        /// What it did.
        detail: String,
    },
    /// The one end of a fork.
    ForkEnded(ForkEnded),
    /// The one end of a recording. Raised by whoever writes the file, after
    /// [`Sink::record_ended`](crate::Sink::record_ended).
    RecordEnded {
        /// The leg recorded.
        leg: LegId,
        /// The recording.
        record: RecordId,
        /// The file.
        path: String,
        /// How much it holds.
        duration_ms: u64,
        /// What did not fit the queue to the file thread.
        ms_dropped: u64,
        /// Empty when the file is whole.
        error: String,
    },
}

/// Why a fork ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// `StopFork`.
    Stopped,
    /// The leg was closed.
    CallEnded,
    /// The far server closed the socket.
    RemoteClosed,
    /// Anything else; the code says what.
    Failed,
}

impl EndReason {
    /// The name used in the Python contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::CallEnded => "call-ended",
            Self::RemoteClosed => "remote-closed",
            Self::Failed => "failed",
        }
    }
}

/// The end of a fork, with its totals. Milliseconds are summed over its tracks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkEnded {
    /// The leg it copied.
    pub leg: LegId,
    /// The fork.
    pub fork: ForkId,
    /// Why.
    pub reason: EndReason,
    /// Twilio's code (31901 …) or 0.
    pub code: u32,
    /// The cause in words.
    pub detail: String,
    /// The WebSocket close code received, else 0.
    pub close_code: u16,
    /// Media messages handed over.
    pub frames_sent: u64,
    /// Audio handed over.
    pub ms_sent: u64,
    /// Audio skipped or never sent.
    pub ms_dropped: u64,
    /// Silence put where the stream had a hole, of what was handed over.
    pub ms_repaired: u64,
    /// The furthest it was behind.
    pub lag_max_ms: u32,
    /// Connections that took the place of one that broke.
    pub reconnects: u32,
    /// Audio handed over again.
    pub ms_replayed: u64,
    /// Audio told as missing (`gap`), skipped or lost by the far end, and not sent after all.
    pub ms_missing: u64,
    /// Packet in to frame handed over, median, in µs.
    pub latency_p50_us: u32,
    /// The same, 99th percentile.
    pub latency_p99_us: u32,
    /// What the far end of a bidirectional fork said, as far as it was played.
    pub ms_played: u64,
}

/// The figures of one leg.
#[derive(Debug, Clone, PartialEq)]
pub struct LegStats {
    /// The leg.
    pub leg: LegId,
    /// Valid RTP packets from the locked peer.
    pub packets_received: u64,
    /// RTP packets sent.
    pub packets_sent: u64,
    /// RTP payload bytes received.
    pub bytes_received: u64,
    /// Expected less received (RFC 3550 §6.4.1), never below zero.
    pub lost: u64,
    /// Came after their place on the timeline had been filled.
    pub late: u64,
    /// Came twice.
    pub duplicated: u64,
    /// Came out of order.
    pub reordered: u64,
    /// Chunks dropped or inserted because RTP time and call clock ran apart.
    pub slips: u64,
    /// Silence put into holes of the inbound timeline.
    pub filled_ms: u64,
    /// Interarrival jitter (RFC 3550 §6.4.1).
    pub jitter_ms: f64,
    /// Datagrams from strangers.
    pub refused_source: u64,
    /// Datagrams that were no RTP, or of no payload type agreed.
    pub malformed: u64,
    /// Where the peer sends from, once heard; else where SDP says it listens.
    pub remote: Option<SocketAddr>,
    /// Level of what was received in the last second, dBFS (RMS; −127 is silence).
    pub level_in: f64,
    /// Level of what was sent in the last second, dBFS.
    pub level_out: f64,
}
