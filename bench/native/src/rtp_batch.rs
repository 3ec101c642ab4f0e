//! Many datagrams a system call, so that the generator is not what is being measured.

use libc::{c_void, iovec, mmsghdr, sockaddr_in};
use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;

/// Datagrams in one batch.
pub const BATCH: usize = 64;
/// Bytes kept of each.
pub const SIZE: usize = 256;

/// Buffers for `sendmmsg` and `recvmmsg`.
pub struct Batch {
    buffers: Vec<[u8; SIZE]>,
    lengths: Vec<usize>,
    peers: Vec<sockaddr_in>,
    count: usize,
}

impl Default for Batch {
    fn default() -> Self {
        // SAFETY: an all-zero sockaddr_in is valid.
        let peer = unsafe { std::mem::zeroed() };
        Self {
            buffers: vec![[0; SIZE]; BATCH],
            lengths: vec![0; BATCH],
            peers: vec![peer; BATCH],
            count: 0,
        }
    }
}

impl Batch {
    /// Add one datagram; sends the batch first when it is full.
    pub fn push(
        &mut self,
        socket: &UdpSocket,
        to: SocketAddrV4,
        fill: impl FnOnce(&mut [u8; SIZE]) -> usize,
    ) {
        if self.count == BATCH {
            self.flush(socket);
        }
        let at = self.count;
        self.lengths[at] = fill(&mut self.buffers[at]);
        let peer = &mut self.peers[at];
        peer.sin_family = libc::AF_INET as u16;
        peer.sin_port = to.port().to_be();
        peer.sin_addr.s_addr = u32::from_ne_bytes(to.ip().octets());
        self.count += 1;
    }

    /// Send what is there.
    pub fn flush(&mut self, socket: &UdpSocket) {
        if self.count == 0 {
            return;
        }
        let mut slices: Vec<iovec> = (0..self.count)
            .map(|i| iovec {
                iov_base: self.buffers[i].as_mut_ptr().cast::<c_void>(),
                iov_len: self.lengths[i],
            })
            .collect();
        let mut headers: Vec<mmsghdr> = (0..self.count)
            .map(|i| {
                // SAFETY: an all-zero mmsghdr is valid; the pointers outlive the call below.
                let mut header: mmsghdr = unsafe { std::mem::zeroed() };
                header.msg_hdr.msg_name = (&raw mut self.peers[i]).cast::<c_void>();
                header.msg_hdr.msg_namelen = size_of::<sockaddr_in>() as u32;
                header.msg_hdr.msg_iov = &raw mut slices[i];
                header.msg_hdr.msg_iovlen = 1;
                header
            })
            .collect();
        let mut sent = 0;
        while sent < self.count {
            // SAFETY: `headers` and all it points to live until the call returns.
            let n = unsafe {
                libc::sendmmsg(
                    socket.as_raw_fd(),
                    headers[sent..].as_mut_ptr(),
                    (self.count - sent) as u32,
                    0,
                )
            };
            if n <= 0 {
                break;
            }
            sent += n as usize;
        }
        self.count = 0;
    }

    /// Receive what is waiting (non-blocking socket) and hand each datagram on; returns how many.
    pub fn receive(
        &mut self,
        socket: &UdpSocket,
        mut each: impl FnMut(&[u8], SocketAddr),
    ) -> usize {
        let mut slices: Vec<iovec> = self
            .buffers
            .iter_mut()
            .map(|b| iovec {
                iov_base: b.as_mut_ptr().cast::<c_void>(),
                iov_len: SIZE,
            })
            .collect();
        let mut headers: Vec<mmsghdr> = (0..BATCH)
            .map(|i| {
                // SAFETY: as in `flush`.
                let mut header: mmsghdr = unsafe { std::mem::zeroed() };
                header.msg_hdr.msg_name = (&raw mut self.peers[i]).cast::<c_void>();
                header.msg_hdr.msg_namelen = size_of::<sockaddr_in>() as u32;
                header.msg_hdr.msg_iov = &raw mut slices[i];
                header.msg_hdr.msg_iovlen = 1;
                header
            })
            .collect();
        // SAFETY: as in `flush`.
        let n = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                BATCH as u32,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        let n = usize::try_from(n).unwrap_or(0);
        for (i, header) in headers.iter().enumerate().take(n) {
            let peer = &self.peers[i];
            let from = SocketAddr::from((
                peer.sin_addr.s_addr.to_ne_bytes(),
                u16::from_be(peer.sin_port),
            ));
            each(&self.buffers[i][..header.msg_len as usize], from);
        }
        n
    }
}
