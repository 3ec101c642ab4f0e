//! What the tests lean on.

pub mod dns;
pub mod net;
pub mod side;
