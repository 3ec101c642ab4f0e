//! All of media-io at once, through its front door: real threads, real sockets, real TLS.

mod bench;
mod legs;
mod streams;
mod trouble;
