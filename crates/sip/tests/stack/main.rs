//! The stack on a pretend network: two of us, or one of us and a scripted peer.

mod calls;
mod cancel;
mod forks;
mod garbage;
mod offers;
mod prack;
mod refusals;
mod requests;
mod session;
mod siprec;
mod targets;
mod torture;
mod wire;
mod world;
