//! What comes in: datagrams and connections.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use mio::Token;

use super::Inbox;
use super::net::{FIRST_LISTENER, Transports};
use super::sockets::Socket;
use super::stream::Stream;
use crate::message::Message;
use crate::types::{NoticeKind, Source, Transport};

const DATAGRAMS_AT_ONCE: usize = 64;
const ACCEPTS_AT_ONCE: usize = 64;

impl Transports {
    pub(super) fn receive(&mut self, now: Instant, place: usize, inbox: &mut dyn Inbox) {
        for _ in 0..DATAGRAMS_AT_ONCE {
            let Some(socket) = self.sockets.udp_at(place) else {
                return;
            };
            let (len, remote) = match socket.recv_from(&mut self.buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An ICMP error of an earlier datagram; what comes next is unharmed.
                Err(_) => continue,
            };
            let (flow, udp) = self
                .flows
                .heard(now, place, remote, || self.sockets.local_of(place, remote));
            let raw = self.buffer.get(..len).unwrap_or_default();
            if is_keep_alive(raw) {
                continue;
            }
            let source = Source {
                flow,
                transport: Transport::Udp,
                remote,
                local: udp.local,
            };
            match Message::parse(raw) {
                Ok(message) => inbox.message(&source, raw, message),
                Err(fault) => inbox.malformed(&source, raw, fault),
            }
        }
        self.again.push_back(Token(FIRST_LISTENER + place));
    }

    pub(super) fn accept(&mut self, now: Instant, place: usize, inbox: &mut dyn Inbox) {
        let token = Token(FIRST_LISTENER + place);
        for _ in 0..ACCEPTS_AT_ONCE {
            let Some((Socket::Stream(listener), kind)) = self
                .sockets
                .get(place)
                .map(|bound| (&bound.socket, bound.listener.transport))
            else {
                return;
            };
            match listener.accept() {
                Ok((socket, remote)) => self.accepted(now, kind, socket, remote, inbox),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if is_shortage(&error) => {
                    log::error!("sip.cannot-accept error={error}");
                    self.stuck.push(token);
                    return;
                }
                Err(_) => {} // it was gone before we looked
            }
        }
        self.again.push_back(token);
    }

    fn accepted(
        &mut self,
        now: Instant,
        transport: Transport,
        socket: mio::net::TcpStream,
        remote: SocketAddr,
        inbox: &mut dyn Inbox,
    ) {
        if !self.streams.has_room(remote) {
            self.counters.connections_refused += 1;
            inbox.notice(NoticeKind::Overload, remote, "too many connections");
            return;
        }
        let Ok(local) = socket.local_addr() else {
            return;
        };
        let tls = match (transport, self.tls.accept()) {
            (Transport::Tls, Some(Ok(tls))) => Some(tls.into()),
            (Transport::Tls, _) => return,
            _ => None,
        };
        let flow = self.flows.add_stream(self.streams.next_token());
        let source = Source {
            flow,
            transport,
            remote,
            local,
        };
        match self
            .streams
            .add(&self.registry, Stream::accepted(now, source, socket, tls))
        {
            // What came with the connection is told by readiness only once: look now.
            Ok(token) => self.again.push_back(token),
            Err(error) => {
                log::error!("sip.cannot-register error={error}");
                self.flows.remove_stream(flow);
            }
        }
    }
}

/// Line breaks, and what phones send to keep a NAT open: a few zero bytes, a STUN request.
fn is_keep_alive(datagram: &[u8]) -> bool {
    let is_stun = datagram.len() >= 20 && matches!(datagram.first(), Some(0..=3)); // RFC 7983 §7
    is_stun
        || datagram.len() <= 4
        || datagram
            .iter()
            .all(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

fn is_shortage(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
    )
}
