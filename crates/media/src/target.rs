//! Where a fork goes and how (`ForkTarget` of the Python contract). The shard reads the names, tracks
//! and limits; endpoints are the connector's, and the shard only says which of them is next.

use crate::config::Track;
use crate::fork::Shape;

/// From when on a fork takes audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CaptureFrom {
    /// From the far server's 101 on.
    #[default]
    Open,
    /// From creation on, sent as a burst once the far server has answered.
    Create,
}

/// What gives way when the far end is further behind than `max_lag_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Overflow {
    /// All but the newest: the far end is live again at once.
    #[default]
    SkipToLive,
    /// The oldest, as much as is too much.
    DropOldest,
    /// The stream: it ends with 31930.
    Close,
}

/// Connecting again when the connection breaks, and sending again what may be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume {
    /// What is sent again to a server that does not say what it kept. Always kept here.
    pub overlap_ms: u32,
    /// What is kept while there is no connection.
    pub ring_ms: u32,
}

/// One server a fork may be sent to.
#[derive(Debug, Clone, Default)]
pub struct ForkEndpoint {
    /// Host name or address to connect to.
    pub host: String,
    /// Port to connect to.
    pub port: u16,
    /// Request path.
    pub path: String,
    /// More handshake headers.
    pub headers: Vec<(String, String)>,
    /// Whom to trust there, and who we are.
    pub tls: EndpointTls,
}

/// How TLS to one endpoint differs from what all streams have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct EndpointTls {
    /// A PEM file with the only authorities trusted for it; absent: those of all streams.
    pub trusted_ca: Option<String>,
    /// PEM files with our certificate chain and its key.
    pub identity: Option<(String, String)>,
    /// SHA-256 of the public keys (SubjectPublicKeyInfo) its certificate may have; none: any.
    pub pins: Vec<[u8; 32]>,
}

/// Where and how to send a copy of a leg's audio.
#[derive(Debug, Clone)]
pub struct ForkTarget {
    /// `MZ…`
    pub stream_sid: String,
    /// `CA…`
    pub call_sid: String,
    /// `AC…`
    pub account_sid: String,
    /// Tried in this order.
    pub endpoints: Vec<ForkEndpoint>,
    /// Which tracks, in the order `start` lists them. Doubles are ignored.
    pub tracks: Vec<Track>,
    /// `customParameters`, in order, as given.
    pub parameters: Vec<(String, String)>,
    /// Audio further behind than this gives way.
    pub max_lag_ms: u32,
    /// Which audio gives way.
    pub overflow: Overflow,
    /// From when on audio is taken.
    pub capture_from: CaptureFrom,
    /// The far server speaks: what it sends is what the leg plays. Tracks: inbound alone.
    pub bidirectional: bool,
    /// A field too many in what it sends is worth a warning.
    pub strict_messages: bool,
    /// What its frames look like.
    pub shape: Shape,
    /// Absent: a broken connection is the end, as at Twilio.
    pub resume: Option<Resume>,
    /// Spreads what happens to many forks at once over time.
    pub seed: u64,
}

impl Default for ForkTarget {
    /// Twilio's own wire, to nowhere.
    fn default() -> Self {
        Self {
            stream_sid: String::new(),
            call_sid: String::new(),
            account_sid: String::new(),
            endpoints: Vec::new(),
            tracks: Vec::new(),
            parameters: Vec::new(),
            max_lag_ms: 5000,
            overflow: Overflow::default(),
            capture_from: CaptureFrom::default(),
            bidirectional: false,
            strict_messages: false,
            shape: Shape::default(),
            resume: None,
            seed: 0,
        }
    }
}
