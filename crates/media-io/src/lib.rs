//! The threads that move media: one epoll loop each, driving `bridgetap-media`, and the connector
//! that opens TLS WebSockets for them.

mod eventfd;
mod mailbox;
mod news;
mod poller;
mod ws;

pub use news::{News, NewsQueue, Place, Source};
