//! Sockets: UDP, TCP and TLS, both families, several of each, none of them ever waited for.
//!
//! [`Transports`] owns every socket. Readiness and time go in; messages and what became of
//! connections come out through an [`Inbox`].

mod end;
mod flows;
mod identity;
mod incoming;
mod link;
mod listen;
mod net;
mod outgoing;
mod peer_key;
mod route;
mod sockets;
mod stream;
mod streams;
mod tls;
mod tls_errors;

use std::net::SocketAddr;

use crate::message::{Malformed, Message};
use crate::types::{FlowId, NoticeKind, SendId, Source, Trouble};

pub use identity::{Identities, IdentityFiles};
pub use listen::Listen;
pub use net::{Counters, Transports};
pub use tls::{Tls, TlsFiles};

/// Who is told what the sockets bring.
pub trait Inbox {
    /// A whole message, and its bytes.
    fn message(&mut self, source: &Source, raw: &[u8], message: Message);
    /// Bytes that are none; on a stream the connection is being closed and `raw` is empty.
    fn malformed(&mut self, source: &Source, raw: &[u8], fault: Malformed);
    /// A message was queued and will not arrive, or not be answered.
    fn send_failed(&mut self, send: SendId, why: Trouble);
    /// A connection is gone; `was_heard`: a message once came over it.
    fn flow_closed(&mut self, flow: FlowId, was_heard: bool);
    /// Something an operator should see.
    fn notice(&mut self, kind: NoticeKind, source: SocketAddr, detail: &str);
}
