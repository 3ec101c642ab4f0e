//! Why an endpoint cannot be started or told something.

use std::io;

use thiserror::Error;

use crate::admission::RulesError;

/// Each names the place, the value and what is wrong with it.
#[derive(Debug, Error)]
pub enum SipError {
    /// An entry of `listen` that is no address.
    #[error("sip.listen: {0}")]
    Listen(String),
    /// A socket that cannot be had.
    #[error("sip.listen: cannot bind {listen}: {error}")]
    Bind {
        /// As configured.
        listen: String,
        /// What the system says.
        error: io::Error,
    },
    /// Certificates and keys.
    #[error("sip.{setting}: {reason}")]
    Tls {
        /// `tls_certificate`, `tls_key`, `trusted_ca` or `client_ca`.
        setting: &'static str,
        /// What is wrong, with the file's name.
        reason: String,
    },
    /// TLS files of one peer's alone.
    #[error("{setting}: {reason}")]
    Identity {
        /// `trusted_ca`, `client_certificate` or `client_key`.
        setting: &'static str,
        /// What is wrong, with the file's name.
        reason: String,
    },
    /// Any other value.
    #[error("sip.{setting}: {value:?}: {rule}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// What was given.
        value: String,
        /// What is wanted.
        rule: &'static str,
    },
    /// The trace file.
    #[error("sip.trace: cannot write {path}: {error}")]
    Trace {
        /// Which.
        path: String,
        /// What the system says.
        error: io::Error,
    },
    /// Trunks and users.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// Threads, epoll, randomness.
    #[error("the SIP thread cannot be started: {0}")]
    Start(#[from] io::Error),
    /// The queue of commands is full: the SIP thread does not keep up.
    #[error("the SIP thread is behind: {0} commands are waiting")]
    Behind(usize),
    /// After `close`.
    #[error("the SIP engine is closed")]
    Closed,
}
