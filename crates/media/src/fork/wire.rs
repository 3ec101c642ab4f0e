//! What a fork and whoever writes its socket tell each other.

/// The connection just broke.
const BROKEN_PIPE: u32 = 31903;
/// The far server closed, and not in the ordinary way.
const REMOTE_CLOSED: u32 = 31921;
/// The close code of an ordinary end (RFC 6455 §7.4.1).
const NORMAL: u16 = 1000;

/// Which message `fork_next` appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForkFrame {
    /// `connected`
    Connected,
    /// `start`
    Start,
    /// `media`
    Media,
    /// Audio behind a header; the one that goes into a binary message.
    Binary,
    /// An event between the audio.
    Event,
    /// `stop`: the last one. Flush, send a close frame, and go on reporting `fork_written`
    /// until nothing is unsent.
    Stop,
}

/// Whom to connect to next (`Sink::fork_dial`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForkDial {
    /// Which of the target's endpoints.
    pub endpoint: usize,
    /// The last sequence number handed over, where the stream is to be resumed.
    pub sent: Option<u64>,
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Twilio's code (31901 …).
    pub code: u32,
    /// The cause in words.
    pub detail: String,
    /// Another try would fail as well, as things are configured.
    pub lasting: bool,
}

impl Failure {
    /// One that may not happen again.
    pub fn new(code: u32, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            lasting: false,
        }
    }

    /// One that will happen again.
    pub fn lasting(code: u32, detail: impl Into<String>) -> Self {
        Self {
            lasting: true,
            ..Self::new(code, detail)
        }
    }
}

/// How the far server ended the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteClose {
    /// The code of its close frame; absent when the connection just broke (31903).
    pub close_code: Option<u16>,
    /// The cause in words.
    pub detail: String,
}

impl RemoteClose {
    /// It has what it wants.
    pub(super) fn is_ordinary(&self) -> bool {
        self.close_code == Some(NORMAL)
    }

    /// Twilio's code for it; 0 when it closed in the ordinary way.
    pub(super) fn code(&self) -> u32 {
        match self.close_code {
            None => BROKEN_PIPE,
            Some(NORMAL) => 0,
            Some(_) => REMOTE_CLOSED,
        }
    }
}
