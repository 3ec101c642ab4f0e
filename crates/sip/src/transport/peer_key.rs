//! What a connection of ours may be shared for.

use std::net::SocketAddr;

use crate::types::{Target, TlsIdentity, Transport};

/// Which outgoing connection serves a request: RFC 5922 forbids sharing one between names, and
/// what one identity opened is nobody else's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PeerKey {
    /// How.
    pub transport: Transport,
    /// Where.
    pub remote: SocketAddr,
    /// Whose certificate was demanded.
    pub tls_name: Option<String>,
    /// Who we were there.
    pub identity: Option<TlsIdentity>,
}

impl PeerKey {
    /// That of a target. Names and identities are TLS's alone.
    pub fn of(target: &Target) -> Self {
        let is_tls = target.transport == Transport::Tls;
        let name = || {
            let name = target.tls_name.clone();
            name.unwrap_or_else(|| target.remote.ip().to_string())
        };
        Self {
            transport: target.transport,
            remote: target.remote,
            tls_name: is_tls.then(name),
            identity: target.identity.filter(|_| is_tls),
        }
    }
}
