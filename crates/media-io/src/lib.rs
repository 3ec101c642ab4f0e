//! The threads that move media: one epoll loop each, driving `bridgetap-media`, and the connector that opens TLS WebSockets.
