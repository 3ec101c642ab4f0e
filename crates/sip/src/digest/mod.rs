//! Digest access authentication for SIP, both sides (RFC 3261 §22, RFC 7616, RFC 8760).
//!
//! [`Challenger`] makes and checks challenges as a server, [`Answer`] answers them as a
//! client. No clock, no randomness, no sockets: time, secrets and cnonces come in as arguments.

mod client;
mod hash;
mod nonce;
mod params;
mod server;

pub use client::{Answer, DigestError, Party};
pub use hash::{Algorithm, Ha1};
pub use params::{Challenge, Credentials, DigestParseError};
pub use server::{Attempt, Challenger, Verdict};
