//! `udp://127.0.0.1:5060` and the sockets made of it.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::types::Transport;

/// One entry of `sip.listen`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// What it carries.
    pub transport: Transport,
    /// Where; port 0 takes a free one.
    pub address: SocketAddr,
}

impl Listen {
    /// Read one; an error says what is wanted.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| {
            format!("{text:?}: {why} (want e.g. \"udp://127.0.0.1:5060\", \"tls://[::]:5061\")")
        };
        let (scheme, address) = text.split_once("://").ok_or_else(|| wrong("no scheme"))?;
        let transport = [Transport::Udp, Transport::Tcp, Transport::Tls]
            .into_iter()
            .find(|transport| transport.name() == scheme)
            .ok_or_else(|| wrong("the scheme is not udp, tcp or tls"))?;
        let address = address
            .parse()
            .map_err(|_| wrong("no literal address with a port"))?;
        Ok(Self { transport, address })
    }

    /// Bind a UDP socket.
    pub fn bind_udp(&self) -> io::Result<mio::net::UdpSocket> {
        let socket = Socket::new(
            Domain::for_address(self.address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        self.prepare(&socket)?;
        // Room for what comes while a burst is worked off; the kernel caps it at rmem_max.
        let _ = socket.set_recv_buffer_size(UDP_BUFFER);
        let _ = socket.set_send_buffer_size(UDP_BUFFER);
        socket.bind(&self.address.into())?;
        Ok(mio::net::UdpSocket::from_std(socket.into()))
    }

    /// Bind a listening TCP socket.
    pub fn bind_tcp(&self) -> io::Result<mio::net::TcpListener> {
        let socket = Socket::new(
            Domain::for_address(self.address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        self.prepare(&socket)?;
        socket.set_reuse_address(true)?; // connections of the last run may linger
        socket.bind(&self.address.into())?;
        socket.listen(BACKLOG)?;
        Ok(mio::net::TcpListener::from_std(socket.into()))
    }

    fn prepare(&self, socket: &Socket) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        if self.address.is_ipv6() {
            // `[::]` and `0.0.0.0` are listed each for itself.
            socket.set_only_v6(true)?;
        }
        Ok(())
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.transport.name(), self.address)
    }
}

/// What every stream gets: no waiting for more to send, and dead peers found out by the kernel
/// within about three minutes.
pub(super) fn tune_stream(stream: &mio::net::TcpStream) {
    let socket = SockRef::from(stream);
    let _ = socket.set_tcp_nodelay(true);
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(std::time::Duration::from_secs(120))
        .with_interval(std::time::Duration::from_secs(15))
        .with_retries(4);
    let _ = socket.set_tcp_keepalive(&keepalive);
    let _ = socket.set_tcp_user_timeout(Some(std::time::Duration::from_secs(60)));
}

const UDP_BUFFER: usize = 4 << 20;
const BACKLOG: i32 = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_what_it_writes() {
        for text in [
            "udp://127.0.0.1:5060",
            "tcp://0.0.0.0:0",
            "tls://[::1]:5061",
        ] {
            assert_eq!(Listen::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_wrong_entry_is_told_with_the_rule() {
        let cases = [
            ("127.0.0.1:5060", "no scheme"),
            ("ws://127.0.0.1:5060", "the scheme is not udp, tcp or tls"),
            ("udp://localhost:5060", "no literal address with a port"),
            ("udp://127.0.0.1", "no literal address with a port"),
            ("udp://127.0.0.1:70000", "no literal address with a port"),
        ];
        for (text, why) in cases {
            let error = Listen::parse(text).unwrap_err();
            assert!(
                error.contains(why) && error.contains(text) && error.contains("udp://127"),
                "{error}"
            );
        }
    }
}
