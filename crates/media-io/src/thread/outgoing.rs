//! Datagrams on their way out. A few at a time are sent in one go: between a receive and the next one a
//! send would fetch the kernel's sending code anew for every packet, and lose the receiving code.

use std::net::SocketAddr;

/// So many wait at most: at 3 µs each nobody waits for more than a tenth of a millisecond.
const ROOM: usize = 32;
/// What they are long, so that a round allocates nothing; longer ones make it grow once.
const TYPICAL_BYTES: usize = 256;

/// Via which socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Via {
    /// The leg's key.
    pub(super) key: usize,
    pub(super) rtp: bool,
}

/// In the order they were made.
pub(super) struct Outgoing {
    datagrams: Vec<(Via, SocketAddr, usize)>,
    bytes: Vec<u8>,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self {
            datagrams: Vec::with_capacity(ROOM),
            bytes: Vec::with_capacity(ROOM * TYPICAL_BYTES),
        }
    }
}

impl Outgoing {
    /// One more; true when it is time to send them.
    pub(super) fn push(&mut self, via: Via, to: SocketAddr, datagram: &[u8]) -> bool {
        self.datagrams.push((via, to, datagram.len()));
        self.bytes.extend_from_slice(datagram);
        self.datagrams.len() >= ROOM
    }

    /// Hand over all.
    pub(super) fn drain(&mut self, mut send: impl FnMut(Via, SocketAddr, &[u8])) {
        let mut rest = &self.bytes[..];
        for (via, to, len) in self.datagrams.drain(..) {
            if let Some((datagram, after)) = rest.split_at_checked(len) {
                send(via, to, datagram);
                rest = after;
            }
        }
        self.bytes.clear();
    }
}
