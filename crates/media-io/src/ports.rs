//! Pairs of RTP and RTCP ports (RFC 3550 §11: RTP even, RTCP the odd one above).

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::MediaError;

/// Datagrams that a socket holds at most with the system's usual buffers, and some.
const MOST_WAITING: usize = 1024;

/// Two bound, non-blocking sockets.
#[derive(Debug)]
pub(crate) struct PortPair {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
    aim: Aim,
}

/// Where the RTP socket is connected to. One that is spares the kernel looking up the way for every
/// packet, and hears nobody but its far end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aim {
    /// At nobody: it hears everybody.
    Free,
    /// At whoever is sent to next.
    Next,
    At(SocketAddr),
}

impl PortPair {
    pub(crate) fn rtp_port(&self) -> u16 {
        self.rtp.local_addr().map_or(0, |a| a.port())
    }

    /// RTP goes to one far end at a time from now on, and nothing that comes by the same socket is heard; or
    /// no longer so.
    pub(crate) fn aim(&mut self, wanted: bool) {
        self.aim = match (wanted, self.aim) {
            (true, Aim::Free) => Aim::Next,
            (true, aim) => aim,
            (false, Aim::Free) => Aim::Free,
            (false, Aim::At(_)) if disconnect(&self.rtp).is_err() => self.aim,
            (false, _) => {
                self.forget_what_came();
                Aim::Free
            }
        };
    }

    /// Is the RTP socket to be watched? For one that is, the kernel tells the poller of every packet sent
    /// that there is room for another, which costs as much as a tenth of a copy.
    pub(crate) fn hears_rtp(&self) -> bool {
        self.aim == Aim::Free
    }

    /// Send RTP; true when the kernel took it.
    pub(crate) fn send_rtp(&mut self, datagram: &[u8], to: SocketAddr) -> bool {
        if self.aim == Aim::Free || !self.is_aimed(to) {
            return self.rtp.send_to(datagram, to).is_ok();
        }
        // The first may be refused for an ICMP error that an earlier one met.
        self.rtp.send(datagram).is_ok() || self.rtp.send(datagram).is_ok()
    }

    pub(crate) fn send_rtcp(&self, datagram: &[u8], to: SocketAddr) -> bool {
        self.rtcp.send_to(datagram, to).is_ok()
    }

    /// What nobody heard in time is heard by nobody.
    fn forget_what_came(&self) {
        for _ in 0..MOST_WAITING {
            if self.rtp.recv(&mut [0]).is_err() {
                return;
            }
        }
    }

    fn is_aimed(&mut self, to: SocketAddr) -> bool {
        if self.aim != Aim::At(to) && self.rtp.connect(to).is_ok() {
            self.aim = Aim::At(to);
        }
        self.aim == Aim::At(to)
    }
}

/// Take back a `connect`.
#[allow(unsafe_code)]
fn disconnect(socket: &UdpSocket) -> io::Result<()> {
    let nobody = libc::sockaddr {
        sa_family: libc::AF_UNSPEC as libc::sa_family_t,
        sa_data: [0; 14],
    };
    let length = size_of_val(&nobody) as libc::socklen_t;
    // SAFETY: the descriptor is open (borrowed), and the address lives through the call.
    match unsafe { libc::connect(socket.as_raw_fd(), &raw const nobody, length) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The range. Which ports are taken only the kernel knows: nothing is tracked here, a walk round
/// the whole range keeps a port from being used again soon after its call.
#[derive(Debug)]
pub(crate) struct Ports {
    first: u16,
    last: u16,
    pairs: usize,
    next: AtomicUsize,
}

impl Ports {
    /// `start` is a random number: a restarted server does not begin at the same port.
    pub(crate) fn new(first: u16, last: u16, start: usize) -> Result<Self, MediaError> {
        let even = u32::from(first) + u32::from(first % 2);
        let pairs = (u32::from(last) + 1).saturating_sub(even) / 2;
        if first == 0 || pairs == 0 {
            return Err(MediaError::PortRange { first, last });
        }
        let pairs = pairs as usize;
        Ok(Self {
            first: even as u16,
            last,
            pairs,
            next: AtomicUsize::new(start % pairs),
        })
    }

    /// Bind the next free pair on `address`.
    pub(crate) fn bind(&self, address: IpAddr) -> Result<PortPair, MediaError> {
        for _ in 0..self.pairs {
            let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.pairs;
            match bind_pair(address, self.first + 2 * turn as u16) {
                Ok(pair) => return Ok(pair),
                // EACCES: a port that the system keeps for itself.
                Err(e)
                    if matches!(e.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) => {}
                Err(source) => return Err(MediaError::Bind { address, source }),
            }
        }
        Err(MediaError::NoFreePort {
            address,
            pairs: self.pairs,
            first: self.first,
            last: self.last,
        })
    }
}

fn bind_pair(address: IpAddr, port: u16) -> io::Result<PortPair> {
    let bind = |port| {
        let socket = UdpSocket::bind(SocketAddr::new(address, port))?;
        socket.set_nonblocking(true)?;
        io::Result::Ok(socket)
    };
    Ok(PortPair {
        rtp: bind(port)?,
        rtcp: bind(port + 1)?,
        aim: Aim::Free,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

    fn pair() -> PortPair {
        let ports = Ports::new(40_000, 49_999, usize::from(std::process::id() as u16)).unwrap();
        ports.bind([127, 0, 0, 1].into()).unwrap()
    }

    fn phone() -> (UdpSocket, SocketAddr) {
        let phone = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        phone.set_read_timeout(Some(PATIENCE)).unwrap();
        let at = phone.local_addr().unwrap();
        (phone, at)
    }

    fn hears(phone: &UdpSocket) -> u8 {
        let mut datagram = [0];
        phone.recv(&mut datagram).unwrap();
        datagram[0]
    }

    #[test]
    fn an_aimed_socket_follows_its_far_end_to_another_address() {
        let mut pair = pair();
        let ((one, at_one), (other, at_other)) = (phone(), phone());
        pair.aim(true);
        for (number, at, phone) in [(1, at_one, &one), (2, at_other, &other), (3, at_one, &one)] {
            assert!(pair.send_rtp(&[number], at));
            assert_eq!(hears(phone), number);
        }
    }

    #[test]
    fn what_an_aimed_socket_sends_to_a_closed_port_costs_nothing_that_comes_after() {
        let mut pair = pair();
        let (phone, at) = phone();
        pair.aim(true);
        assert!(pair.send_rtp(&[1], at));
        drop(phone);
        for number in 2..5 {
            assert!(pair.send_rtp(&[number], at), "{number}");
        }
        let phone = UdpSocket::bind(at).unwrap();
        phone.set_read_timeout(Some(PATIENCE)).unwrap();
        assert!(
            pair.send_rtp(&[5], at),
            "the error of the last one is not its own"
        );
        assert_eq!(hears(&phone), 5);
    }

    #[test]
    fn what_came_while_a_socket_was_aimed_is_not_heard_later() {
        let mut pair = pair();
        let (far_end, at) = phone();
        let port = ("127.0.0.1", pair.rtp_port());
        pair.aim(true);
        assert!(pair.send_rtp(&[1], at));
        for number in 2..9 {
            far_end.send_to(&[number], port).unwrap();
        }
        pair.aim(false);
        far_end.send_to(&[9], port).unwrap();
        assert_eq!(hears(&pair.rtp), 9);
    }

    #[test]
    fn an_aimed_socket_hears_nobody_else_until_it_is_freed() {
        let mut pair = pair();
        let ((_held, far_end), (stranger, _)) = (phone(), phone());
        let port = ("127.0.0.1", pair.rtp_port());
        pair.aim(true);
        assert!(pair.send_rtp(&[1], far_end));
        stranger.send_to(&[2], port).unwrap();
        pair.aim(false);
        stranger.send_to(&[3], port).unwrap();
        assert_eq!(hears(&pair.rtp), 3);
        assert!(pair.send_rtp(&[4], far_end));
    }

    const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    /// A range of `pairs` pairs that are free right now.
    fn free_range(pairs: u16) -> (u16, u16) {
        for _ in 0..100 {
            let probe = UdpSocket::bind((LOOPBACK, 0)).unwrap();
            let first = probe.local_addr().unwrap().port() & !1;
            drop(probe);
            let Some(last) = first.checked_add(2 * pairs - 1) else {
                continue;
            };
            if (first..=last).all(|p| UdpSocket::bind((LOOPBACK, p)).is_ok()) {
                return (first, last);
            }
        }
        panic!("no free range");
    }

    #[test]
    fn every_pair_is_even_and_odd_and_given_once() {
        let (first, last) = free_range(4);
        let ports = Ports::new(first, last, 2).unwrap();
        let pairs: Vec<PortPair> = (0..4).map(|_| ports.bind(LOOPBACK).unwrap()).collect();
        let mut given: Vec<u16> = pairs.iter().map(PortPair::rtp_port).collect();
        for pair in &pairs {
            assert_eq!(pair.rtp_port() % 2, 0);
            assert_eq!(pair.rtcp.local_addr().unwrap().port(), pair.rtp_port() + 1);
        }
        assert_eq!(given[0], first + 4, "the start is as asked");
        given.sort_unstable();
        assert_eq!(given, (first..=last).step_by(2).collect::<Vec<_>>());
        let error = ports.bind(LOOPBACK).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "no free RTP port on 127.0.0.1: all 4 pairs of media.ports {first}–{last} are taken"
            )
        );
    }

    #[test]
    fn a_port_is_not_given_again_at_once() {
        let (first, last) = free_range(3);
        let ports = Ports::new(first, last, 0).unwrap();
        let turns: Vec<u16> = (0..4)
            .map(|_| ports.bind(LOOPBACK).unwrap().rtp_port())
            .collect();
        assert_eq!(turns, [first, first + 2, first + 4, first]);
    }

    #[test]
    fn a_taken_rtcp_port_takes_the_pair() {
        let (first, last) = free_range(2);
        let _taken = UdpSocket::bind((LOOPBACK, first + 1)).unwrap();
        let ports = Ports::new(first, last, 0).unwrap();
        assert_eq!(ports.bind(LOOPBACK).unwrap().rtp_port(), first + 2);
    }

    #[test]
    fn ipv6_works_where_the_system_has_it() {
        let loopback = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);
        if UdpSocket::bind((loopback, 0)).is_err() {
            return;
        }
        let (first, last) = free_range(8);
        assert!(Ports::new(first, last, 0).unwrap().bind(loopback).is_ok());
    }

    #[test]
    fn a_foreign_address_is_named() {
        let ports = Ports::new(20000, 20009, 0).unwrap();
        let error = ports.bind("192.0.2.1".parse().unwrap()).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot bind an RTP port on 192.0.2.1: ")
        );
    }

    #[test]
    fn ranges_without_a_pair_are_refused() {
        for (first, last) in [(0, 9), (10, 10), (11, 12), (12, 11), (65535, 65535)] {
            assert!(Ports::new(first, last, 0).is_err(), "{first}–{last}");
        }
        assert_eq!(Ports::new(65533, 65535, 0).unwrap().pairs, 1);
        assert_eq!(Ports::new(1024, 65535, 0).unwrap().pairs, 32256);
    }
}
