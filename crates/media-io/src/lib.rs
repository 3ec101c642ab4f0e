//! The threads that move media: one epoll loop each, driving `bridgetap-media`, and the connector
//! that opens TLS WebSockets for them.

mod connector;
mod error;
mod eventfd;
mod files;
mod mailbox;
mod networks;
mod news;
mod poller;
mod ports;
mod socket;
#[cfg(test)]
mod testing;
mod tls;
mod up;
mod ws;

pub use error::MediaError;
pub use news::{News, NewsQueue, Place, Source};
pub use up::{FORK, LEG, Up};
