//! What media-io refuses, with the place, the value and the rule in its text.

use std::io;
use std::net::IpAddr;

use bridgetap_media::PromptError;

/// An order or a setting that cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// A descriptor or a thread that the system did not give.
    #[error("media: cannot start {what}: {source}")]
    Start {
        /// Which part.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// `ports` is no usable range.
    #[error("media.ports {first}–{last}: must hold an even port and the odd one above it")]
    PortRange {
        /// As configured.
        first: u16,
        /// As configured.
        last: u16,
    },
    /// A setting that cannot be read.
    #[error("media: {setting} {value:?}: {rule}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// What it holds.
        value: String,
        /// What it should be.
        rule: String,
    },
    /// No address, so nothing can be bound to it.
    #[error("leg address {0:?}: must be an IPv4 or IPv6 address")]
    Address(String),
    /// The address is not ours, or the system refuses for another reason than a taken port.
    #[error("cannot bind an RTP port on {address}: {source}")]
    Bind {
        /// Where.
        address: IpAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Every pair is taken.
    #[error(
        "no free RTP port on {address}: all {pairs} pairs of media.ports {first}–{last} are taken"
    )]
    NoFreePort {
        /// Where.
        address: IpAddr,
        /// How many there are.
        pairs: usize,
        /// The range.
        first: u16,
        /// The range.
        last: u16,
    },
    /// A value in an order that would break the wire or the rules.
    #[error("{place} {value:?}: {rule}")]
    Value {
        /// Which field.
        place: &'static str,
        /// What it holds.
        value: String,
        /// What it must be.
        rule: &'static str,
    },
    /// A prompt that cannot be played.
    #[error("prompt: {0}")]
    Prompt(#[from] PromptError),
    /// An id that names no loaded prompt.
    #[error("prompt {0}: not loaded, or dropped")]
    UnknownPrompt(u64),
    /// Too many orders wait.
    #[error("media thread {0} does not keep up: it takes no further orders now")]
    Busy(usize),
    /// After `close`.
    #[error("media is closed")]
    Closed,
}
