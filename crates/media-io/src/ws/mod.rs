//! The client side of a WebSocket (RFC 6455), sans-IO: the upgrade, frames out, frames in.
//!
//! No extension and no subprotocol is ever offered, so none may be answered.

mod keys;
mod reader;
mod upgrade;
mod writer;

pub(crate) use keys::MaskKeys;
pub(crate) use reader::{FrameReader, Heard, Violation};
pub(crate) use upgrade::Upgrade;
pub(crate) use writer::{Opcode, begin_frame, close_frame, control_frame, finish_frame};
