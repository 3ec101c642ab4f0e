//! Who may call, how we prove who we are, and where chance comes from: given to the stack.

use std::time::Instant;

use super::{HeaderList, NoticeKind, Source};
use crate::message::{Request, Response};

/// How to answer a 401 or 407.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The digest username.
    pub username: String,
    /// The password; never shown.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({})", self.username)
    }
}

/// Who a caller is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Came from a trunk's network.
    Trunk(String),
    /// Answered a digest challenge.
    User(String),
}

/// What admission says about a request outside any dialog.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Let it in.
    Admit(Identity),
    /// Answer it so (401, 403, 503 …) without a dialog.
    Answer {
        /// SIP status.
        status: u16,
        /// Added to the response, e.g. `WWW-Authenticate`.
        headers: HeaderList,
        /// Told to the operator, e.g. a wrong password.
        notice: Option<(NoticeKind, String)>,
    },
    /// Say nothing at all.
    Drop,
}

/// One network from which calls are admitted without a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkRule {
    /// CIDR text, e.g. `198.51.100.0/24`.
    pub network: String,
    /// The trunk's name.
    pub trunk: String,
}

/// One phone that may register and call.
#[derive(Clone, PartialEq, Eq)]
pub struct UserRule {
    /// The digest username.
    pub username: String,
    /// MD5(user:realm:password), lower-case hex.
    pub ha1: Option<String>,
    /// SHA-256 likewise (RFC 8760).
    pub ha1_sha256: Option<String>,
}

impl std::fmt::Debug for UserRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UserRule({})", self.username)
    }
}

/// Who may call: asked for INVITE and REGISTER outside a dialog, never inside one.
pub trait Admission: Send {
    /// Judge one request. ACK and CANCEL are never asked about.
    fn decide(&mut self, now: Instant, request: &Request, source: &Source) -> Decision;
    /// Replace the rules (`Sip.set_admission`).
    fn set(&mut self, trunks: Vec<TrunkRule>, users: Vec<UserRule>);
}

/// Answers digest challenges to our own requests (RFC 3261 §22).
pub trait Authenticator: Send {
    /// The `Authorization` / `Proxy-Authorization` headers that answer every challenge in
    /// `challenge` (a 401 or 407) for `request`; `None` when one cannot be answered (unknown
    /// algorithm, or credentials were refused: `request` already carried them and not stale).
    fn answer(
        &mut self,
        credentials: &Credentials,
        challenge: &Response,
        request: &Request,
    ) -> Option<HeaderList>;
}

/// Where branch, tag and Call-ID values come from; a seeded one in tests.
pub trait Entropy: Send {
    /// 64 bits that nobody can guess.
    fn next_u64(&mut self) -> u64;
}
