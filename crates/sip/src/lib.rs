//! The SIP engine: a sans-IO stack (messages, transactions, dialogs) and the thread that drives it.
//!
//! Messages are parsed by our own few hundred lines instead of a parsing crate: headers stay text
//! in wire order, byte for byte, so a B2BUA passes on what it does not understand, and only the
//! dozen fields the stack acts on are ever taken apart. The parsing crates at hand turn headers
//! into typed trees and back, which is neither exact nor cheaper.
//!
//! The stack (`stack::Stack`) has one input for each thing that can happen, each with the time:
//! `receive(now, &source, Message)`, `malformed(now, &source, Malformed)`,
//! `resolved(now, LookupId, Vec<Target>)`, `send_failed(now, SendId, Trouble)`,
//! `flow_closed(now, FlowId)`, `command(now, Command)`, `handle_timeout(now)`. After any of them
//! drain `poll_output()`, then sleep until `next_timeout()`.

pub mod admission;
mod call;
pub mod config;
pub mod digest;
pub mod endpoint;
pub mod error;
pub mod framing;
pub mod gate;
mod headers;
mod ids;
pub mod message;
mod method;
pub mod notices;
mod parse;
pub mod resolve;
pub mod stack;
pub mod status;
mod text;
pub mod trace;
mod transaction;
pub mod transport;
pub mod types;
pub mod value;

pub use config::{Addresses, Config, Listener};
pub use headers::Headers;
pub use ids::Ids;
pub use message::{Message, Request, Response};
pub use method::Method;
pub use stack::{Stack, Stats};
