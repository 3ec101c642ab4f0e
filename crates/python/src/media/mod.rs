//! The media side of the contract.

pub(crate) mod config;
pub(crate) mod events;
pub(crate) mod leg;
pub(crate) mod threads;
