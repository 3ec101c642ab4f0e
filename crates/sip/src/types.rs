//! What crosses the border of the sans-IO stack: addresses, commands down, events up.
//!
//! The stack never opens a socket, reads a clock or rolls dice. The driver feeds it messages,
//! commands and the time, and carries out the [`Output`]s; `crates/python` turns [`SipEvent`]s
//! one for one into the classes of `_engine.pyi`.

use std::net::SocketAddr;
use std::time::Instant;

use crate::message::{Request, Response};

/// Defines an opaque id; the driver or [`crate::Ids`] hands the numbers out.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u64);
    )+};
}

ids! {
    /// One connection (TCP, TLS), or one UDP socket and remote address. Numbered by the driver.
    FlowId,
    /// One call: an INVITE and the dialog (or dialogs) it makes. `dialog` in `_engine.pyi`.
    DialogId,
    /// One request other than the INVITE of a call, ours or theirs. `request` in `_engine.pyi`.
    RequestId,
    /// One question of the stack "where does this go?", answered by `Stack::resolved`.
    LookupId,
    /// One `Output::Send`, named again in `Stack::send_failed`.
    SendId,
}

/// Name and value in wire order.
pub type HeaderList = Vec<(String, String)>;

/// What carries a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// Datagrams: the only one that loses messages, so the only one with retransmission.
    Udp,
    /// A stream in the clear.
    Tcp,
    /// A stream under TLS.
    Tls,
}

impl Transport {
    /// Whether the transport itself repeats what is lost (RFC 3261 §17: timers A, E, G stay off).
    pub fn is_reliable(self) -> bool {
        self != Transport::Udp
    }

    /// As written in a Via: `SIP/2.0/UDP`.
    pub fn via_name(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
        }
    }

    /// As written in a URI parameter and in events.
    pub fn name(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
        }
    }

    /// The port meant when none is written (RFC 3261 §19.1.2).
    pub fn default_port(self) -> u16 {
        match self {
            Transport::Udp | Transport::Tcp => 5060,
            Transport::Tls => 5061,
        }
    }
}

/// Where a message came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The connection or UDP association.
    pub flow: FlowId,
    /// What carried it.
    pub transport: Transport,
    /// The peer's address as the socket saw it.
    pub remote: SocketAddr,
    /// Our address it was sent to: concrete, not a wildcard, as far as the kernel tells.
    pub local: SocketAddr,
}

/// Where a message goes: one answer of RFC 3263, or a flow that is already there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Over this connection (a registered phone's, or the one a request came in on).
    pub flow: Option<FlowId>,
    /// What shall carry it.
    pub transport: Transport,
    /// The peer's address.
    pub remote: SocketAddr,
    /// Our address the peer will see before any NAT: for a wildcard socket, the one the kernel
    /// would choose toward `remote`. The port is that of the listening socket.
    pub local: SocketAddr,
    /// The name the peer's certificate must carry (TLS).
    pub tls_name: Option<String>,
}

/// How an `Output::Send` finds its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendTo {
    /// A request. With a `flow`, over that or not at all; else over an open connection to the
    /// same transport, address and name, or a new one. UDP leaves from the socket on `local`.
    Request(Target),
    /// A response (RFC 3261 §18.2.2): over `flow` while it lives, else a new connection to
    /// `remote`. UDP leaves from the socket on `local`.
    Response(Target),
}

impl SendTo {
    /// The target, whichever way it is meant.
    pub fn target(&self) -> &Target {
        match self {
            SendTo::Request(target) | SendTo::Response(target) => target,
        }
    }
}

/// What the stack asks to have located.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// RFC 3263 on a SIP URI, in order of preference; literal addresses too.
    Uri(String),
    /// A flow: one target with `flow` set, or none when it is closed.
    Flow(FlowId),
}

/// What the driver has to do. Drained after every input, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Put bytes on the wire; `Stack::send_failed(send)` if that is impossible.
    Send {
        /// Named again on failure.
        send: SendId,
        /// Which way.
        to: SendTo,
        /// One whole message.
        bytes: Vec<u8>,
    },
    /// Locate; `Stack::resolved(lookup, targets)` must follow, with none on failure.
    Resolve {
        /// Named again in the answer.
        lookup: LookupId,
        /// What to locate.
        what: Lookup,
    },
    /// Tell Python.
    Event(SipEvent),
    /// Close a connection whose peer breaks the protocol beyond repair.
    CloseFlow(FlowId),
}

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

/// Whether our provisional responses to come may ask for PRACK (RFC 3262).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reliable {
    /// `Supported: 100rel`.
    Supported,
    /// `Require: 100rel`.
    Required,
    /// Neither.
    Off,
}

/// The method of a re-offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReofferMethod {
    /// re-INVITE
    Invite,
    /// UPDATE (RFC 3311)
    Update,
}

/// What Python asks for: every command of `Sip` in `_engine.pyi`. Ids come from [`crate::Ids`].
/// A command on an id that is already gone does nothing.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // each field is documented in `_engine.pyi`, the contract
pub enum Command {
    SetAdmission {
        trunks: Vec<TrunkRule>,
        users: Vec<UserRule>,
    },
    Invite(Box<Invite>),
    Progress {
        dialog: DialogId,
        status: u16,
        reason: String,
        headers: HeaderList,
        body: Vec<u8>,
        reliable: bool,
    },
    Answer {
        dialog: DialogId,
        body: Vec<u8>,
        content_type: String,
        headers: HeaderList,
    },
    Reject {
        dialog: DialogId,
        status: u16,
        reason: String,
        headers: HeaderList,
    },
    Ack {
        dialog: DialogId,
        body: Vec<u8>,
        content_type: String,
    },
    Reoffer {
        dialog: DialogId,
        method: ReofferMethod,
        body: Vec<u8>,
        headers: HeaderList,
    },
    Request(Box<OwnRequest>),
    Respond {
        request: RequestId,
        status: u16,
        reason: String,
        headers: HeaderList,
        body: Vec<u8>,
        content_type: String,
    },
    HangUp {
        dialog: DialogId,
        headers: HeaderList,
    },
    RefuseNewCalls,
}

/// `Sip.invite`.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // as above
pub struct Invite {
    pub dialog: DialogId,
    pub target: String,
    pub from: String,
    pub to: String,
    pub headers: HeaderList,
    pub body: Vec<u8>,
    pub content_type: String,
    pub credentials: Option<Credentials>,
    pub route: Vec<String>,
    pub flow: Option<FlowId>,
    pub reliable: Reliable,
}

/// `Sip.request`; with `dialog`, the fields from `target` to `to` are not used.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // as above
pub struct OwnRequest {
    pub request: RequestId,
    pub method: String,
    pub dialog: Option<DialogId>,
    pub target: String,
    pub from: String,
    pub to: String,
    pub headers: HeaderList,
    pub body: Vec<u8>,
    pub content_type: String,
    pub credentials: Option<Credentials>,
    pub flow: Option<FlowId>,
    /// Empty: a new one.
    pub call_id: String,
    /// 0: starts at 1.
    pub cseq: u32,
}

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndCause {
    /// They hung up.
    Bye,
    /// They gave up before an answer.
    Cancelled,
    /// They refused, or we refused them.
    Rejected,
    /// We hung up.
    HungUp,
    /// Nothing heard, no ACK, session expired.
    Timeout,
    /// Nothing could be sent.
    Transport,
}

impl EndCause {
    /// As `CallEnded.cause` spells it.
    pub fn name(self) -> &'static str {
        match self {
            EndCause::Bye => "bye",
            EndCause::Cancelled => "cancelled",
            EndCause::Rejected => "rejected",
            EndCause::HungUp => "hung-up",
            EndCause::Timeout => "timeout",
            EndCause::Transport => "transport",
        }
    }
}

/// What a notice to the operator is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NoticeKind {
    /// Bytes that are no SIP message.
    Malformed,
    /// A wrong username or password.
    AuthFailed,
    /// Not allowed to call.
    Refused,
    /// The gate closed.
    Overload,
    /// A handshake failed.
    Tls,
}

impl NoticeKind {
    /// As `SipNotice.kind` spells it.
    pub fn name(self) -> &'static str {
        match self {
            NoticeKind::Malformed => "malformed",
            NoticeKind::AuthFailed => "auth-failed",
            NoticeKind::Refused => "refused",
            NoticeKind::Overload => "overload",
            NoticeKind::Tls => "tls",
        }
    }
}

/// What Python is told: every SIP event of `_engine.pyi`, field for field.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // each field is documented in `_engine.pyi`, the contract
pub enum SipEvent {
    IncomingCall(Box<IncomingCall>),
    CallProgress {
        dialog: DialogId,
        status: u16,
        reason: String,
        headers: HeaderList,
        content_type: String,
        body: Vec<u8>,
        reliable: bool,
        early: String,
    },
    CallAnswered {
        dialog: DialogId,
        headers: HeaderList,
        content_type: String,
        body: Vec<u8>,
        needs_ack: bool,
        contact: String,
        source: SocketAddr,
    },
    CallAcked {
        dialog: DialogId,
        body: Vec<u8>,
    },
    CallEnded {
        dialog: DialogId,
        cause: EndCause,
        status: u16,
        reason: String,
        headers: HeaderList,
    },
    ReofferReceived {
        dialog: DialogId,
        request: RequestId,
        method: ReofferMethod,
        headers: HeaderList,
        body: Vec<u8>,
    },
    ReofferAnswered {
        dialog: DialogId,
        status: u16,
        reason: String,
        body: Vec<u8>,
    },
    RegisterReceived(Box<RegisterReceived>),
    RequestReceived {
        dialog: DialogId,
        request: RequestId,
        method: String,
        headers: HeaderList,
        content_type: String,
        body: Vec<u8>,
    },
    /// `local` and `source` are empty when no response came (`None`).
    Response {
        request: RequestId,
        status: u16,
        reason: String,
        headers: HeaderList,
        body: Vec<u8>,
        source: Option<Source>,
    },
    /// Made by the driver, not by the stack.
    FlowClosed {
        flow: FlowId,
    },
    /// The stack reports each one; the driver merges them to one a source and second.
    SipNotice {
        kind: NoticeKind,
        source: SocketAddr,
        detail: String,
        count: u32,
    },
}

/// A new INVITE that admission let through.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // as above
pub struct IncomingCall {
    pub dialog: DialogId,
    pub identity: Identity,
    pub request_uri: String,
    pub from: String,
    pub to: String,
    pub contact: String,
    pub call_id: String,
    pub headers: HeaderList,
    pub content_type: String,
    pub body: Vec<u8>,
    pub source: Source,
}

/// An authenticated REGISTER.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // as above
pub struct RegisterReceived {
    pub request: RequestId,
    pub user: String,
    pub to: String,
    pub contacts: Vec<String>,
    pub expires: Option<u32>,
    pub call_id: String,
    pub cseq: u32,
    pub headers: HeaderList,
    pub source: Source,
}
