//! What a shard, a leg and a fork are made from. All of it is checked by whoever builds it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::ids::LegId;
use crate::srtp::SrtpKeys;

/// What all legs of one shard share.
#[derive(Debug, Clone)]
pub struct ShardConfig {
    /// Any instant of this process, the same for all shards: legs that move keep their clocks.
    pub epoch: Instant,
    /// The wall clock at `epoch` as an NTP timestamp (RFC 3550 §4), for sender reports.
    pub epoch_ntp: u64,
    /// How long a hole in a stream is kept open for a packet that was overtaken.
    pub reorder: Duration,
    /// How far a source may run from the call's clock before it is put right, 20 ms at a time; at least 20 ms.
    pub tolerance: Duration,
    /// Silence after which `RtpTimedOut` is raised; zero is never.
    pub rtp_timeout: Duration,
    /// How long a stopped fork may go on writing what is queued.
    pub close_drain: Duration,
    /// How long the frames of a fork's tracks wait for each other; zero: not at all.
    pub coalesce: Duration,
}

impl ShardConfig {
    /// The defaults of `MediaConfig`, on the clock given.
    #[must_use]
    pub fn new(epoch: Instant, epoch_ntp: u64) -> Self {
        Self {
            epoch,
            epoch_ntp,
            reorder: Duration::from_millis(40),
            tolerance: Duration::from_millis(20),
            rtp_timeout: Duration::ZERO,
            close_drain: Duration::from_millis(5000),
            coalesce: Duration::ZERO,
        }
    }
}

/// A new leg: its name and the random numbers RFC 3550 §5.1 wants, drawn by the caller.
#[derive(Debug, Clone)]
pub struct LegConfig {
    /// The id all later calls use.
    pub id: LegId,
    /// Our synchronisation source toward this peer, for the whole life of the leg.
    pub ssrc: u32,
    /// First sequence number we send.
    pub first_sequence: u16,
    /// First RTP timestamp we send.
    pub first_timestamp: u32,
    /// Seed for the randomised RTCP interval (RFC 3550 §6.3.1).
    pub seed: u64,
}

/// The codecs a leg can speak. All three carry 8 payload bytes a millisecond at RTP clock 8000
/// (G.722 too, by the historic error of RFC 3551 §4.5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722 at 64 kbit/s.
    G722,
}

/// What may flow on a leg, seen from us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// We only send.
    SendOnly,
    /// We only receive.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// May we send to the peer?
    #[must_use]
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Do we take what the peer sends?
    #[must_use]
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// What SDP agreed for one leg (`LegMedia` of the Python contract).
#[derive(Debug, Clone)]
pub struct LegMedia {
    /// Where SDP says the peer listens. Port 0 or an unspecified address: nowhere until heard.
    pub remote: SocketAddr,
    /// Where its RTCP goes; absent: the port above. Equal to `remote`: multiplexed (RFC 5761).
    pub remote_rtcp: Option<SocketAddr>,
    /// What we send.
    pub codec: Codec,
    /// The payload type we send it under.
    pub payload_type: u8,
    /// Every audio payload type we announced, and what it means. `payload_type` is understood
    /// as `codec` even when it is not listed.
    pub receive: Vec<(u8, Codec)>,
    /// The payload type for telephone-events we send; absent: tones are sent in-band.
    pub telephone_event: Option<u8>,
    /// The payload type they come in under; absent: the same as `telephone_event`.
    pub receive_telephone_event: Option<u8>,
    /// The payload type of comfort noise (RFC 3389), besides the static 13.
    pub comfort_noise: Option<u8>,
    /// What may flow.
    pub direction: Direction,
    /// Length of the packets we make ourselves (10–60 ms); relayed packets keep their length.
    pub ptime_ms: u32,
    /// Lock onto the first source heard and answer there (NAT).
    pub symmetric: bool,
    /// Listen for tones in the audio although telephone-event was agreed.
    pub inband_dtmf: bool,
    /// The canonical name in our RTCP (RFC 3550 §6.5.1).
    pub cname: String,
    /// Everything on this leg is SRTP and SRTCP under these keys; absent: RTP and RTCP.
    pub srtp: Option<SrtpKeys>,
}

/// One side of a leg's conversation, seen from the leg that carries the fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Track {
    /// What we receive from the leg.
    Inbound,
    /// What we send to it, whoever made it.
    Outbound,
}

impl Track {
    /// Both, in wire order.
    pub const ALL: [Self; 2] = [Self::Inbound, Self::Outbound];

    /// The short name used in `start` and `media` messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}
