//! One open stream: TCP, TLS and WebSocket framing. Never waits; what the socket does not take now
//! stays in `pending`, and nothing more is pulled from the shard until that is gone.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use bridgetap_media::ForkId;
use rustls::ClientConnection;

use super::noise::Noise;
use crate::connector::Opened;
use crate::poller::Interest;
use crate::socket;
use crate::ws::{FrameReader, Heard, MaskKeys, Opcode, Violation, close_frame, control_frame};

/// Where the connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Frames flow.
    Open,
    /// `stop` and our close frame are handed over; the shard waits until nothing is unsent.
    Stopping,
    /// The fork has ended; the far end may still finish its side until then.
    Closing { until: Instant },
}

/// How a reading ended.
#[derive(Debug)]
pub(super) enum End {
    /// Nothing more now.
    Open,
    /// The far end is gone, in words.
    Gone(String),
    /// The far end broke the protocol.
    Broke(Violation),
}

pub(super) struct Conn {
    pub(super) fork: ForkId,
    pub(super) phase: Phase,
    pub(super) noise: Noise,
    /// What epoll watches.
    pub(super) watched: Interest,
    pub(super) socket: TcpStream,
    tls: Box<ClientConnection>,
    reader: FrameReader,
    /// TLS bytes that the socket did not take.
    pending: Vec<u8>,
    /// A pong we owe; a newer ping takes its place (RFC 6455 §5.5.3).
    pong: Option<Vec<u8>>,
    heard_at: Instant,
    pinged_at: Instant,
    writes: u32,
}

/// Scratch space that all connections of a thread share.
pub(super) struct Scratch {
    pub(super) keys: MaskKeys,
    pub(super) frames: Vec<u8>,
    wire: Vec<u8>,
    plain: Vec<u8>,
}

impl Scratch {
    pub(super) fn new() -> Self {
        Self {
            keys: MaskKeys::new(),
            frames: Vec::with_capacity(32 * 1024),
            wire: Vec::with_capacity(32 * 1024),
            plain: Vec::with_capacity(16 * 1024),
        }
    }

    /// A masking key. Without random bytes no frame may be sent at all.
    pub(super) fn key(&mut self) -> io::Result<[u8; 4]> {
        self.keys
            .next_key()
            .map_err(|e| io::Error::other(format!("no random bytes: {e}")))
    }
}

/// An idle peer is pinged this often, so that nothing between us forgets the connection.
const PING_EVERY: Duration = Duration::from_secs(20);
/// How long the far end may take to finish its side.
const CLOSING: Duration = Duration::from_secs(2);
/// Ask the kernel for its unsent bytes with every so many writes: each question is a system call.
const MEASURE_EVERY: u32 = 8;

impl Conn {
    /// `speaks`: what the far end says is to be heard.
    pub(super) fn new(fork: ForkId, speaks: bool, opened: Opened, now: Instant) -> (Self, Vec<u8>) {
        let conn = Self {
            fork,
            phase: Phase::Open,
            noise: Noise::new(now, speaks),
            watched: Interest::Read,
            socket: opened.socket,
            tls: opened.tls,
            reader: if speaks {
                FrameReader::keeping_texts()
            } else {
                FrameReader::new()
            },
            pending: Vec::new(),
            pong: None,
            heard_at: now,
            pinged_at: now,
            writes: 0,
        };
        (conn, opened.early)
    }

    /// Whether the socket has taken all it was given.
    pub(super) fn takes_more(&self) -> bool {
        self.pending.is_empty()
    }

    /// What epoll should watch now.
    pub(super) fn interest(&self) -> Interest {
        if self.takes_more() {
            Interest::Read
        } else {
            Interest::Both
        }
    }

    /// Encrypt `scratch.frames` as one record (or few) and write.
    pub(super) fn send_frames(&mut self, scratch: &mut Scratch) -> io::Result<usize> {
        self.tls.writer().write_all(&scratch.frames)?;
        scratch.frames.clear();
        self.writes = self.writes.wrapping_add(1);
        self.flush(scratch)
    }

    /// Write what is due: rest, TLS's own messages, a pong. How many bytes the socket took.
    pub(super) fn flush(&mut self, scratch: &mut Scratch) -> io::Result<usize> {
        let mut written = 0;
        if !self.pending.is_empty() {
            written = write_some(&mut self.socket, &self.pending)?;
            self.pending.drain(..written);
        }
        if self.takes_more()
            && let Some(payload) = self.pong.take()
        {
            let key = scratch.key()?;
            let mut frame = Vec::with_capacity(payload.len() + 8);
            control_frame(&mut frame, Opcode::Pong, &payload, key);
            self.tls.writer().write_all(&frame)?;
        }
        if self.tls.wants_write() {
            scratch.wire.clear();
            while self.tls.wants_write() {
                self.tls.write_tls(&mut scratch.wire)?;
            }
            let mut taken = 0;
            if self.takes_more() {
                taken = write_some(&mut self.socket, &scratch.wire)?;
                written += taken;
            }
            self.pending.extend_from_slice(&scratch.wire[taken..]);
        }
        if self.pending.is_empty() && self.pending.capacity() > 0 {
            self.pending = Vec::new(); // memory only while a far end is behind
        }
        Ok(written)
    }

    /// Bytes handed over that the far end has not acknowledged; `None` when it is not yet time to
    /// ask again.
    pub(super) fn unsent(&self) -> Option<usize> {
        let due = self.writes.is_multiple_of(MEASURE_EVERY)
            || !self.takes_more()
            || self.phase != Phase::Open;
        due.then(|| self.pending.len() + socket::unacknowledged(&self.socket))
    }

    /// Read once; what was heard is appended.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        scratch: &mut Scratch,
        heard: &mut Vec<Heard>,
    ) -> End {
        let mut end = match self.tls.read_tls(&mut self.socket) {
            Ok(0) => End::Gone("the far server closed the connection".to_owned()),
            Ok(_) => End::Open,
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return End::Open;
            }
            Err(e) => End::Gone(format!("the far server broke the connection: {e}")),
        };
        if let Err(error) = self.tls.process_new_packets() {
            end = End::Gone(format!("the far server broke TLS: {error}"));
        }
        scratch.plain.clear();
        // The error that ends this reading is "no more now" or "no more": `end` knows already,
        // but for a close_notify, after which nothing can come.
        if self.tls.reader().read_to_end(&mut scratch.plain).is_ok() && matches!(end, End::Open) {
            end = End::Gone("the far server ended TLS without a close frame".to_owned());
        }
        let plain = std::mem::take(&mut scratch.plain);
        let read = self.hear(now, &plain, heard);
        scratch.plain = plain;
        match read {
            Ok(()) => end,
            Err(violation) => End::Broke(violation),
        }
    }

    /// Take in plain bytes: those just read, or those that came with the 101.
    pub(super) fn hear(
        &mut self,
        now: Instant,
        plain: &[u8],
        heard: &mut Vec<Heard>,
    ) -> Result<(), Violation> {
        if !plain.is_empty() {
            self.heard_at = now;
        }
        self.reader.feed(plain, heard)
    }

    pub(super) fn owe_pong(&mut self, payload: Vec<u8>) {
        self.pong = Some(payload);
    }

    /// Ping a peer that has been silent.
    pub(super) fn ping_if_idle(&mut self, now: Instant, scratch: &mut Scratch) -> io::Result<()> {
        if now < self.heard_at.max(self.pinged_at) + PING_EVERY || !self.takes_more() {
            return Ok(());
        }
        self.pinged_at = now;
        let key = scratch.key()?;
        scratch.frames.clear();
        control_frame(&mut scratch.frames, Opcode::Ping, b"", key);
        self.send_frames(scratch).map(|_| ())
    }

    /// The fork is over: send a close frame unless one is already out, and let the far end finish.
    pub(super) fn begin_closing(&mut self, now: Instant, code: Option<u16>, scratch: &mut Scratch) {
        if self.phase == Phase::Open
            && let Ok(key) = scratch.key()
        {
            scratch.frames.clear();
            close_frame(&mut scratch.frames, code, key);
            let _ = self.send_frames(scratch);
        }
        self.phase = Phase::Closing {
            until: now + CLOSING,
        };
    }

    /// Both close frames are out: end our side (RFC 6455 §7.1.1 leaves the rest to the server).
    pub(super) fn end_our_side(&mut self, scratch: &mut Scratch) {
        self.tls.send_close_notify();
        let _ = self.flush(scratch);
        if self.takes_more() {
            let _ = self.socket.shutdown(Shutdown::Write);
        }
    }
}

/// How much the socket takes now; nothing is no error.
fn write_some(socket: &mut TcpStream, mut bytes: &[u8]) -> io::Result<usize> {
    let all = bytes.len();
    while !bytes.is_empty() {
        match socket.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(e) if e.kind() == ErrorKind::WouldBlock => break,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(all - bytes.len())
}

#[cfg(test)]
mod tests;
