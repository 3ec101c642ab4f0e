//! The bytes of one connection, in the clear or under TLS, with a bounded queue toward the peer.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::Shutdown;

use mio::net::TcpStream;
use rustls::Connection;

use crate::types::SendId;

/// A socket, its TLS state, and what waits to be sent.
#[derive(Debug)]
pub struct Link {
    socket: TcpStream,
    tls: Option<Box<Connection>>,
    out: VecDeque<(Option<SendId>, Vec<u8>)>,
    /// Bytes in `out`, and how many of the first entry are gone.
    out_bytes: usize,
    out_done: usize,
    /// What went out before the peer said anything: with TLS 1.3 it may refuse our certificate
    /// when we have long begun to talk. `None` once it spoke.
    unheard: Option<Vec<SendId>>,
}

/// What a read came to, plaintext aside.
#[derive(Debug)]
pub enum Fault {
    /// Nothing to read now.
    Nothing,
    /// Something was read, no plaintext yet: read on.
    Partly,
    /// The connection is over.
    Gone,
    /// The handshake or a record is wrong.
    Tls(rustls::Error),
}

/// The peer does not read and too much waits for it.
#[derive(Debug)]
pub struct Full;

/// More than any burst of signalling; a peer that lets this pile up is stuck.
pub const MAX_OUT: usize = 256 * 1024;
/// More than anybody says to a peer that is silent.
const MAX_UNHEARD: usize = 1_024;

impl Link {
    /// With `tls` where it begins with a handshake.
    pub fn new(socket: TcpStream, tls: Option<Connection>) -> Self {
        let mut tls = tls.map(Box::new);
        if let Some(tls) = &mut tls {
            tls.set_buffer_limit(Some(MAX_OUT));
        }
        Self {
            socket,
            unheard: tls.is_some().then(Vec::new),
            tls,
            out: VecDeque::new(),
            out_bytes: 0,
            out_done: 0,
        }
    }

    /// For `mio` and its addresses.
    pub fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// Whether there is TLS at all.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether the handshake goes on.
    pub fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_handshaking())
    }

    /// Whether everything was handed over.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty() && !self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// The peer said something: what went out has arrived.
    pub fn heard(&mut self) {
        self.unheard = None;
    }

    /// Whether something was said to a TLS peer that never said anything itself.
    pub fn is_unheard(&self) -> bool {
        let waits = !self.out.is_empty();
        self.unheard
            .as_ref()
            .is_some_and(|sent| waits || !sent.is_empty())
    }

    /// Messages that were not handed over, or to no avail.
    pub fn unsent(&mut self) -> impl Iterator<Item = SendId> + use<> {
        let waiting = std::mem::take(&mut self.out);
        let unheard = self.unheard.take().unwrap_or_default();
        let waiting = waiting.into_iter().filter_map(|(send, _)| send);
        unheard.into_iter().chain(waiting)
    }

    /// Add to what waits. What is too much is kept all the same: its end tells of it.
    pub fn enqueue(&mut self, send: Option<SendId>, bytes: Vec<u8>) -> Result<(), Full> {
        self.out_bytes += bytes.len();
        self.out.push_back((send, bytes));
        if self.out_bytes > MAX_OUT {
            Err(Full)
        } else {
            Ok(())
        }
    }

    /// Plaintext into `buffer`; 0 where the peer ended the connection properly.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        let Some(tls) = &mut self.tls else {
            return self.socket.read(buffer).map_err(Fault::from);
        };
        match tls.reader().read(buffer) {
            Ok(len) => return Ok(len),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return Err(Fault::Gone),
        }
        if tls.read_tls(&mut self.socket).map_err(Fault::from)? == 0 {
            return Err(Fault::Gone);
        }
        match tls.process_new_packets() {
            Ok(_) => Err(Fault::Partly),
            Err(error) => {
                // The alert says why; it is on its way or it is not.
                let _ = tls.write_tls(&mut self.socket);
                Err(Fault::Tls(error))
            }
        }
    }

    /// Hand over what waits, as far as the kernel takes it.
    pub fn write(&mut self) -> io::Result<()> {
        match self.write_all() {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                Ok(())
            }
            result => result,
        }
    }

    /// Say that nothing further follows.
    pub fn shut(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let _ = tls.write_tls(&mut self.socket);
        }
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    fn write_all(&mut self) -> io::Result<()> {
        loop {
            self.fill_tls()?;
            let len = match (&mut self.tls, self.out.front()) {
                (Some(tls), _) if tls.wants_write() => {
                    tls.write_tls(&mut self.socket)?;
                    continue;
                }
                (Some(_), _) | (None, None) => return Ok(()),
                (None, Some((_, bytes))) => self
                    .socket
                    .write(bytes.get(self.out_done..).unwrap_or_default())?,
            };
            self.wrote(len);
        }
    }

    /// Move what waits into the TLS layer, once that takes it.
    fn fill_tls(&mut self) -> io::Result<()> {
        while let (Some(tls), Some((_, bytes))) = (&mut self.tls, self.out.front()) {
            if tls.is_handshaking() {
                break;
            }
            let len = tls
                .writer()
                .write(bytes.get(self.out_done..).unwrap_or_default())?;
            if len == 0 {
                break;
            }
            self.wrote(len);
        }
        Ok(())
    }

    fn wrote(&mut self, len: usize) {
        self.out_done += len;
        if self
            .out
            .front()
            .is_some_and(|(_, bytes)| self.out_done >= bytes.len())
        {
            self.out_bytes -= self.out_done;
            self.out_done = 0;
            let sent = self.out.pop_front().and_then(|(send, _)| send);
            if let (Some(send), Some(unheard)) = (sent, &mut self.unheard)
                && unheard.len() < MAX_UNHEARD
            {
                unheard.push(send);
            }
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock => Self::Nothing,
            io::ErrorKind::Interrupted => Self::Partly,
            _ => Self::Gone,
        }
    }
}
