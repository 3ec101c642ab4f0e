//! The bound sockets, and which of them a message leaves from.

use std::io;
use std::net::{IpAddr, SocketAddr};

use mio::net::{TcpListener, UdpSocket};

use super::listen::Listen;
use super::route::Routes;
use crate::config::Listener;
use crate::error::SipError;
use crate::resolve::{Means, Place};
use crate::types::{Target, Transport};

/// In the order of `sip.listen`.
#[derive(Debug, Default)]
pub struct Sockets {
    bound: Vec<Bound>,
    routes: Routes,
}

/// One socket and its real address.
#[derive(Debug)]
pub struct Bound {
    /// As told to the stack.
    pub listener: Listener,
    /// Itself.
    pub socket: Socket,
}

/// Either kind.
#[derive(Debug)]
pub enum Socket {
    /// Datagrams both ways.
    Udp(UdpSocket),
    /// Connections for TCP or TLS.
    Stream(TcpListener),
}

impl Sockets {
    /// Bind all, or name the one that cannot be had.
    pub fn bind(listens: &[Listen]) -> Result<Self, SipError> {
        let bound = listens.iter().map(|listen| {
            bind(listen).map_err(|error| SipError::Bind {
                listen: listen.to_string(),
                error,
            })
        });
        Ok(Self {
            bound: bound.collect::<Result<_, _>>()?,
            routes: Routes::default(),
        })
    }

    /// For `mio`.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Bound> {
        self.bound.iter_mut()
    }

    /// That at a place in the list.
    pub fn get(&self, index: usize) -> Option<&Bound> {
        self.bound.get(index)
    }

    /// What was bound.
    pub fn listeners(&self) -> Vec<Listener> {
        self.bound.iter().map(|bound| bound.listener).collect()
    }

    /// What we can send with.
    pub fn means(&self, tls: bool) -> Means {
        let udp = |v4: bool| {
            self.bound
                .iter()
                .any(|b| b.listener.transport == Transport::Udp && b.listener.bound.is_ipv4() == v4)
        };
        Means {
            udp_v4: udp(true),
            udp_v6: udp(false),
            tls,
        }
    }

    /// Our address toward `remote`, of the socket at `index`.
    pub fn local_of(&mut self, index: usize, remote: SocketAddr) -> SocketAddr {
        match self.bound.get(index) {
            Some(bound) => concrete(&mut self.routes, bound.listener.bound, remote),
            None => SocketAddr::new(self.routes.source_for(remote), 0),
        }
    }

    /// The UDP socket that `local` belongs to, else any of the family.
    pub fn udp_for(&self, local: SocketAddr, remote: SocketAddr) -> Option<(usize, &UdpSocket)> {
        let of_family = || {
            self.bound
                .iter()
                .enumerate()
                .filter_map(|(index, bound)| match &bound.socket {
                    Socket::Udp(socket) if bound.listener.bound.is_ipv4() == remote.is_ipv4() => {
                        Some((index, bound.listener.bound, socket))
                    }
                    _ => None,
                })
        };
        let fits = |address: SocketAddr| {
            address.port() == local.port()
                && (address.ip() == local.ip() || address.ip().is_unspecified())
        };
        of_family()
            .find(|(_, address, _)| fits(*address))
            .or_else(|| of_family().next())
            .map(|(index, _, socket)| (index, socket))
    }

    /// The UDP socket at a place in the list.
    pub fn udp_at(&self, index: usize) -> Option<&UdpSocket> {
        match &self.bound.get(index)?.socket {
            Socket::Udp(socket) => Some(socket),
            Socket::Stream(_) => None,
        }
    }

    /// A place to try as a target, with the address of ours that it will see.
    pub fn target(&mut self, place: Place) -> Target {
        let local = self.local_toward(place.transport, place.address);
        Target {
            flow: None,
            transport: place.transport,
            remote: place.address,
            local,
            tls_name: place.tls_name,
            identity: None,
        }
    }

    /// The address a connection to `remote` must leave from, where we listen on one only.
    pub fn source_ip(&mut self, transport: Transport, remote: SocketAddr) -> Option<IpAddr> {
        let local = self.local_toward(transport, remote).ip();
        let listens_there = |bound: &Bound| bound.listener.bound.ip() == local;
        self.bound.iter().any(listens_there).then_some(local)
    }

    fn local_toward(&mut self, transport: Transport, remote: SocketAddr) -> SocketAddr {
        let route = self.routes.source_for(remote);
        let of_family: Vec<SocketAddr> = self
            .bound
            .iter()
            .map(|bound| bound.listener)
            .filter(|l| l.transport == transport && l.bound.is_ipv4() == remote.is_ipv4())
            .map(|l| l.bound)
            .collect();
        let best = of_family
            .iter()
            .find(|bound| bound.ip() == route)
            .or_else(|| of_family.iter().find(|bound| bound.ip().is_unspecified()))
            // A loopback socket reaches loopback only and is reached from there only.
            .or_else(|| {
                of_family
                    .iter()
                    .find(|bound| bound.ip().is_loopback() == remote.ip().is_loopback())
            })
            .or_else(|| of_family.first());
        match best {
            Some(bound) if bound.ip().is_unspecified() => SocketAddr::new(route, bound.port()),
            Some(bound) => *bound,
            None => SocketAddr::new(route, transport.default_port()),
        }
    }
}

fn bind(listen: &Listen) -> io::Result<Bound> {
    let (socket, bound) = match listen.transport {
        Transport::Udp => {
            let socket = listen.bind_udp()?;
            let bound = socket.local_addr()?;
            (Socket::Udp(socket), bound)
        }
        Transport::Tcp | Transport::Tls => {
            let socket = listen.bind_tcp()?;
            let bound = socket.local_addr()?;
            (Socket::Stream(socket), bound)
        }
    };
    Ok(Bound {
        listener: Listener {
            transport: listen.transport,
            bound,
        },
        socket,
    })
}

/// What a wildcard stands for toward `remote`.
fn concrete(routes: &mut Routes, bound: SocketAddr, remote: SocketAddr) -> SocketAddr {
    if bound.ip().is_unspecified() {
        SocketAddr::new(routes.source_for(remote), bound.port())
    } else {
        bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sockets(listens: &[&str]) -> Sockets {
        let listens: Vec<_> = listens
            .iter()
            .map(|text| Listen::parse(text).unwrap())
            .collect();
        Sockets::bind(&listens).unwrap()
    }

    fn target(sockets: &mut Sockets, transport: Transport, address: &str) -> Target {
        sockets.target(Place {
            transport,
            address: address.parse().unwrap(),
            tls_name: None,
        })
    }

    #[test]
    fn a_taken_address_is_named() {
        let first = sockets(&["udp://127.0.0.1:0"]);
        let taken = Listen {
            transport: Transport::Udp,
            address: first.listeners()[0].bound,
        };
        let error = Sockets::bind(&[taken]).unwrap_err().to_string();
        assert!(error.contains(&taken.to_string()), "{error}");
    }

    #[test]
    fn the_peer_sees_a_concrete_address_with_the_listening_port() {
        let mut sockets = sockets(&[
            "udp://0.0.0.0:0",
            "udp://127.0.0.1:0",
            "tcp://127.0.0.1:0",
            "udp://[::]:0",
        ]);
        let bound: Vec<_> = sockets.listeners().iter().map(|l| l.bound).collect();
        let cases = [
            (Transport::Udp, "127.0.0.1:9", bound[1]),
            (Transport::Udp, "127.0.0.2:9", bound[1]),
            (Transport::Tcp, "127.0.0.1:9", bound[2]),
            (
                Transport::Udp,
                "[::1]:9",
                SocketAddr::new("::1".parse().unwrap(), bound[3].port()),
            ),
            (Transport::Tls, "[::1]:9", "[::1]:5061".parse().unwrap()),
        ];
        for (transport, remote, local) in cases {
            assert_eq!(
                target(&mut sockets, transport, remote).local,
                local,
                "{transport:?} {remote}"
            );
        }
    }

    #[test]
    fn a_datagram_leaves_from_the_socket_its_local_address_names() {
        let sockets = sockets(&[
            "udp://127.0.0.1:0",
            "tcp://127.0.0.1:0",
            "udp://127.0.0.1:0",
            "udp://[::1]:0",
        ]);
        let bound: Vec<_> = sockets.listeners().iter().map(|l| l.bound).collect();
        let (v4, v6): (SocketAddr, SocketAddr) =
            ("127.0.0.1:9".parse().unwrap(), "[::1]:9".parse().unwrap());
        for (local, remote, index) in [
            (bound[0], v4, 0),
            (bound[2], v4, 2),
            (bound[1], v4, 0),
            (bound[3], v6, 3),
        ] {
            assert_eq!(
                sockets.udp_for(local, remote).map(|(index, _)| index),
                Some(index)
            );
        }
        assert_eq!(
            sockets.means(true),
            Means {
                udp_v4: true,
                udp_v6: true,
                tls: true
            }
        );
    }
}
