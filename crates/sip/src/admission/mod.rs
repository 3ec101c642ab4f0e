//! Who may call: trunks by their network, phones by digest, all others refused. Pure.

mod authenticator;
mod backoff;
mod door;
mod rules;

pub use authenticator::DigestAuthenticator;
pub use backoff::source_key;
pub use door::{Door, DoorStats};
pub use rules::{Rules, RulesError};
