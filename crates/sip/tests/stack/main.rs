//! The stack on a pretend network: two of us, or one of us and a scripted peer.

mod calls;
mod world;
