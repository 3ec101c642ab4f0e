//! What crosses the border of the sans-IO stack: addresses, commands down, events up.
//!
//! The stack never opens a socket, reads a clock or rolls dice. The driver feeds it messages,
//! commands and the time, and carries out the [`Output`]s; `crates/python` turns [`SipEvent`]s
//! one for one into the classes of `_engine.pyi`.

mod command;
mod event;
mod rules;

use std::net::SocketAddr;

pub use command::{Command, Invite, OwnRequest, Reliable, ReofferMethod};
pub use event::{EndCause, IncomingCall, NoticeKind, RegisterReceived, SipEvent};
pub use rules::{
    Admission, Authenticator, Credentials, Decision, Entropy, Identity, TrunkRule, UserRule,
};

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

/// Who we are toward a TLS peer, and whom we trust there, where that is not the endpoint's own: a
/// connection made for one is never used for another. Given by `SipEndpoint::identity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TlsIdentity {
    /// The same for the same content of its files.
    pub number: u64,
    /// It trusts its own authorities and no others.
    pub own_ca: bool,
    /// It shows a certificate.
    pub certificate: bool,
}

/// Why a request could not be sent, or was lost with its connection: for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// TLS itself failed: a certificate, a version, an alert.
    pub tls: bool,
    /// In words.
    pub detail: String,
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
    /// Who we are there (TLS); none: the endpoint's own way.
    pub identity: Option<TlsIdentity>,
}

/// How an `Output::Send` finds its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendTo {
    /// A request. With a `flow`, over that or not at all; else over an open connection to the
    /// same transport, address, name and identity, or a new one. UDP leaves from the socket on `local`.
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
    /// Put bytes on the wire; `Stack::send_failed(send, why)` if that is impossible.
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
        /// TLS is possible there even where the endpoint itself trusts nobody.
        tls: bool,
    },
    /// Tell Python.
    Event(SipEvent),
    /// Close a connection whose peer breaks the protocol beyond repair.
    CloseFlow(FlowId),
}
