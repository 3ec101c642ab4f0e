//! What the stack is told at birth: names, limits, and the table of our addresses.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::ids::Ids;
use crate::types::{Target, Transport};

/// Settings of one stack.
#[derive(Clone, Debug)]
pub struct Config {
    /// Written as User-Agent and Server.
    pub user_agent: String,
    /// More calls than this at once get 503 (both directions).
    pub max_dialogs: usize,
    /// The session interval we ask for (RFC 4028), seconds.
    pub session_expires_s: u32,
    /// The smallest session interval we accept, seconds; at least 90.
    pub min_se_s: u32,
    /// Where we can be reached.
    pub addresses: Addresses,
    /// The number source shared with the commands.
    pub ids: Ids,
}

/// Our addresses, filled by the driver once the sockets are bound.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    /// What was bound, with the real ports.
    pub listeners: Vec<Listener>,
    /// Written into Via and Contact toward peers outside `local_networks` and loopback.
    pub external: Option<IpAddr>,
    /// Networks that reach us by our own address.
    pub local_networks: Vec<IpNet>,
}

/// One bound socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// What it carries.
    pub transport: Transport,
    /// The bound address; its IP may be a wildcard.
    pub bound: SocketAddr,
}

impl Addresses {
    /// The address `target` shall see in Via and Contact.
    pub fn advertised(&self, target: &Target) -> SocketAddr {
        self.toward(target.transport, target.local, target.remote.ip())
    }

    /// The address a peer at `remote` shall use for us, which heard from us on `local`.
    pub fn toward(&self, transport: Transport, local: SocketAddr, remote: IpAddr) -> SocketAddr {
        let port = self.port(transport, local);
        match self.external {
            Some(external) if external.is_ipv4() == local.is_ipv4() && !self.is_local(remote) => {
                SocketAddr::new(external, port)
            }
            _ => SocketAddr::new(local.ip(), port),
        }
    }

    /// The listening port for `transport`, preferably of the socket on `local`: an outgoing TCP
    /// connection has a passing port that nobody can call back.
    fn port(&self, transport: Transport, local: SocketAddr) -> u16 {
        let same = |l: &&Listener| l.transport == transport && l.bound.is_ipv4() == local.is_ipv4();
        let all = || self.listeners.iter().filter(same);
        let on_ip = |l: &&Listener| l.bound.ip() == local.ip() || l.bound.ip().is_unspecified();
        all()
            .find(|l| on_ip(l) && l.bound.port() == local.port())
            .or_else(|| all().find(on_ip))
            .or_else(|| all().next())
            .map_or(local.port(), |l| l.bound.port())
    }

    fn is_local(&self, remote: IpAddr) -> bool {
        remote.is_loopback() || self.local_networks.iter().any(|net| net.contains(&remote))
    }

    /// Whether anything listens for `transport` in the family of `remote`.
    pub fn listens(&self, transport: Transport, remote: IpAddr) -> bool {
        self.listeners
            .iter()
            .any(|l| l.transport == transport && l.bound.is_ipv4() == remote.is_ipv4())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Addresses {
        let listener = |transport, bound: &str| Listener {
            transport,
            bound: bound.parse().unwrap(),
        };
        Addresses {
            listeners: vec![
                listener(Transport::Udp, "0.0.0.0:5060"),
                listener(Transport::Udp, "0.0.0.0:5070"),
                listener(Transport::Tcp, "0.0.0.0:5062"),
                listener(Transport::Udp, "[::]:5080"),
            ],
            external: Some("203.0.113.7".parse().unwrap()),
            local_networks: vec!["10.0.0.0/8".parse().unwrap()],
        }
    }

    #[test]
    fn each_peer_sees_the_address_it_can_reach() {
        let cases = [
            (Transport::Udp, "10.0.0.5:5070", "10.9.9.9", "10.0.0.5:5070"),
            (
                Transport::Udp,
                "10.0.0.5:5060",
                "198.51.100.1",
                "203.0.113.7:5060",
            ),
            (
                Transport::Tcp,
                "10.0.0.5:41234",
                "198.51.100.1",
                "203.0.113.7:5062",
            ),
            (
                Transport::Udp,
                "127.0.0.1:5060",
                "127.0.0.1",
                "127.0.0.1:5060",
            ),
            (
                Transport::Udp,
                "[2001:db8::1]:5080",
                "2001:db8::2",
                "[2001:db8::1]:5080",
            ),
        ];
        for (transport, local, remote, seen) in cases {
            let seen_by =
                table().toward(transport, local.parse().unwrap(), remote.parse().unwrap());
            assert_eq!(seen_by, seen.parse().unwrap(), "{transport:?} {remote}");
        }
    }
}
