//! The threads that move media: one epoll loop each, driving `bridgetap-media`, and the connector
//! that opens TLS WebSockets for them.

mod connector;
mod counters;
mod error;
mod eventfd;
mod expected;
mod files;
mod ids;
mod leg;
mod mailbox;
mod media;
mod networks;
mod news;
mod poller;
mod ports;
mod priority;
mod route;
mod socket;
mod target;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod thread;
mod tls;
mod up;
mod ws;

pub use error::MediaError;
pub use leg::LegHandle;
pub use media::{Media, MediaConfig, wall_clock};
pub use news::{News, NewsQueue, Place, Source};
pub use up::{FORK, LEG, Up};
