//! Options of a stream's TCP socket that the standard library has no name for.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// What the kernel may hold of a fork: about a second of two tracks, so that lag shows in the ring.
const SEND_BUFFER: usize = 32 * 1024;
/// Sent data that nobody acknowledges for this long ends the connection (RFC 5482).
pub(crate) const USER_TIMEOUT: Duration = Duration::from_secs(30);
/// The same where a stream can be resumed: long before its ring is full.
pub(crate) const USER_TIMEOUT_OF_RESUMED: Duration = Duration::from_secs(10);

/// Begin to connect; the socket becomes writable when that has succeeded or failed.
pub(crate) fn connect(to: SocketAddr, user_timeout: Duration) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_user_timeout(Some(user_timeout))?;
    match socket.connect(&SockAddr::from(to)) {
        Ok(()) => {}
        Err(e) if e.raw_os_error() == Some(libc::EINPROGRESS) => {}
        Err(e) => return Err(e),
    }
    Ok(socket.into())
}

/// Bytes handed to the kernel that the far end has not acknowledged (SIOCOUTQ).
#[allow(unsafe_code)]
pub(crate) fn unacknowledged(socket: &TcpStream) -> usize {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the descriptor is open (borrowed), and SIOCOUTQ (= TIOCOUTQ) writes one int.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if result == 0 {
        usize::try_from(bytes).unwrap_or(0)
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;

    #[test]
    fn unread_bytes_are_seen_once_the_peer_takes_no_more() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = connect(listener.local_addr().unwrap(), USER_TIMEOUT).unwrap();
        let (_held, _) = listener.accept().unwrap();
        while client.write(&[0; 65536]).is_ok() {}
        assert!(unacknowledged(&client) > 0);
    }
}
