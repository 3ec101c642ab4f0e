//! Everything around the stack, on real sockets of loopback: transports, resolver, endpoints.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod admission;
mod calls;
mod hostile;
mod identities;
mod resolver;
mod start;
mod support;
mod tls;
mod transports;
