//! The SIP side of the contract.

pub(crate) mod config;
pub(crate) mod endpoint;
pub(crate) mod events;
