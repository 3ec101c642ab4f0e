//! The overload gate: refuses new calls before anything is kept of them. Pure.
//!
//! Only an INVITE outside a dialog is ever judged. Requests inside a dialog, ACK, CANCEL and BYE
//! always pass: finishing what was begun is what takes load off.

mod bucket;
mod policy;
mod stateless;

pub use policy::{Gate, Limits, Load, Refusal};
pub use stateless::{Stateless, is_new_call};
