//! The stack on a pretend network: two of us, or one of us and a scripted peer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers here are tests too

mod asking;
mod calls;
mod cancel;
mod chaos;
mod doubles;
mod edges;
mod forks;
mod garbage;
mod offers;
mod prack;
mod refusals;
mod requests;
mod session;
mod siprec;
mod targets;
mod their_offers;
mod torture;
mod wire;
mod world;
