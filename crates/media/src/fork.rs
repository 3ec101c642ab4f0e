//! Forks.

/// Which message `fork_next` appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForkFrame {
    /// `connected`
    Connected,
    /// `start`
    Start,
    /// `media`
    Media,
    /// `stop`: the last one. Flush, send a close frame, and go on reporting `fork_written`
    /// until nothing is unsent.
    Stop,
}

/// How the far server ended the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteClose {
    /// The code of its close frame; absent when the connection just broke (31903).
    pub close_code: Option<u16>,
    /// The cause in words.
    pub detail: String,
}
