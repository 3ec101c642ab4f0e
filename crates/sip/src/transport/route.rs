//! Which of our addresses a peer will see.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Asks the kernel's routing table by connecting a UDP socket, which sends nothing.
#[derive(Debug, Default)]
pub struct Routes {
    v4: Option<UdpSocket>,
    v6: Option<UdpSocket>,
}

impl Routes {
    /// The source address toward `remote`; loopback where there is no route, so that the peer's
    /// answer, if any, goes nowhere else.
    pub fn source_for(&mut self, remote: SocketAddr) -> IpAddr {
        let (slot, any, none): (_, IpAddr, IpAddr) = match remote {
            SocketAddr::V4(_) => (
                &mut self.v4,
                Ipv4Addr::UNSPECIFIED.into(),
                Ipv4Addr::LOCALHOST.into(),
            ),
            SocketAddr::V6(_) => (
                &mut self.v6,
                Ipv6Addr::UNSPECIFIED.into(),
                Ipv6Addr::LOCALHOST.into(),
            ),
        };
        if slot.is_none() {
            *slot = UdpSocket::bind((any, 0)).ok();
        }
        let found = slot.as_ref().and_then(|socket| {
            // Port 0 is no destination; any other has the same route.
            let port = if remote.port() == 0 { 9 } else { remote.port() };
            socket.connect(SocketAddr::new(remote.ip(), port)).ok()?;
            socket.local_addr().ok()
        });
        found.map_or(none, |address| address.ip())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_reached_from_loopback_again_and_again() {
        let mut routes = Routes::default();
        for remote in ["127.0.0.1:5060", "[::1]:5060", "127.0.0.1:0"] {
            let remote: SocketAddr = remote.parse().unwrap();
            assert_eq!(routes.source_for(remote), remote.ip());
        }
    }
}
