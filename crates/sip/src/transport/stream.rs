//! The life of one TCP or TLS connection: connecting, handshake, messages, end.

use std::io;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use rustls::Connection;

use super::Inbox;
use super::end::End;
use super::link::{Fault, Full, Link};
use super::peer_key::PeerKey;
use super::tls_errors::explain;
use crate::framing::{Frame, StreamFramer};
use crate::types::{NoticeKind, SendId, Source};

/// A connection of ours or theirs.
#[derive(Debug)]
pub struct Stream {
    source: Source,
    link: Link,
    phase: Phase,
    /// Set on those that we opened.
    key: Option<PeerKey>,
    framer: StreamFramer,
    /// When something last went either way, pings included.
    used: Instant,
    /// When the last message went either way.
    messaged: Instant,
    /// When the message that is half there was begun.
    half_since: Option<Instant>,
    had_message: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Connecting {
        since: Instant,
    },
    Handshaking {
        since: Instant,
    },
    Open {
        since: Instant,
    },
    /// What is queued is sent, what comes is thrown away: closing with unread bytes would reset
    /// the connection and the peer would lose our answer.
    Closing {
        since: Instant,
        shut: bool,
    },
}

/// Whether there may be more to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The socket was emptied.
    Drained,
    /// Others get their turn first.
    More,
}

const CONNECT_WITHIN: Duration = Duration::from_secs(4);
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
const FIRST_MESSAGE_WITHIN: Duration = Duration::from_secs(30);
const MESSAGE_WITHIN: Duration = Duration::from_secs(30);
const CLOSE_WITHIN: Duration = Duration::from_secs(2);
/// Longer than a registration's usual 3600 s.
const IDLE: Duration = Duration::from_secs(3_900);
/// RFC 5626 §4.4.1: 95 to 120 s over TCP.
const PING_AFTER: Duration = Duration::from_secs(100);
const READS_AT_ONCE: usize = 8;
const CLOSED_UNHEARD: &str = "the peer closed the TLS connection without a word (does it want a client certificate, or another one?)";

impl Stream {
    /// One that a peer opened; `tls` where it must begin with a handshake.
    pub fn accepted(
        now: Instant,
        source: Source,
        socket: TcpStream,
        tls: Option<Connection>,
    ) -> Self {
        let mut stream = Self::new(now, source, socket, tls, None);
        stream.phase = stream.connected_phase(now);
        stream
    }

    /// One that we are opening.
    pub fn connecting(
        now: Instant,
        source: Source,
        socket: TcpStream,
        tls: Option<Connection>,
        key: PeerKey,
    ) -> Self {
        Self::new(now, source, socket, tls, Some(key))
    }

    fn new(
        now: Instant,
        source: Source,
        socket: TcpStream,
        tls: Option<Connection>,
        key: Option<PeerKey>,
    ) -> Self {
        Self {
            source,
            link: Link::new(socket, tls),
            phase: Phase::Connecting { since: now },
            key,
            framer: StreamFramer::new(),
            used: now,
            messaged: now,
            half_since: None,
            had_message: false,
        }
    }

    fn connected_phase(&self, now: Instant) -> Phase {
        if self.link.is_tls() {
            Phase::Handshaking { since: now }
        } else {
            Phase::Open { since: now }
        }
    }

    /// Its flow, addresses and kind.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// For `mio`.
    pub fn socket(&mut self) -> &mut TcpStream {
        self.link.socket()
    }

    /// What it may be shared for, when we opened it.
    pub fn key(&self) -> Option<&PeerKey> {
        self.key.as_ref()
    }

    /// Whether a whole message ever came.
    pub fn had_message(&self) -> bool {
        self.had_message
    }

    /// Whether it takes further requests.
    pub fn is_usable(&self) -> bool {
        !matches!(self.phase, Phase::Closing { .. })
    }

    /// Messages that were not handed to the kernel, or to a TLS peer that never spoke.
    pub fn unsent(&mut self) -> impl Iterator<Item = SendId> + use<> {
        self.link.unsent()
    }

    /// Queue a message and send what can be sent.
    pub fn send(&mut self, now: Instant, send: SendId, bytes: Vec<u8>) -> Result<(), End> {
        (self.used, self.messaged) = (now, now);
        self.enqueue(Some(send), bytes)?;
        self.flush()?;
        self.shut_when_done();
        Ok(())
    }

    /// End it after what is queued.
    pub fn finish(&mut self, now: Instant) -> Result<(), End> {
        self.close(now);
        self.flush()?;
        self.shut_when_done();
        Ok(())
    }

    /// The socket is ready for something.
    pub fn ready(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        inbox: &mut dyn Inbox,
    ) -> Result<Progress, End> {
        if let Phase::Connecting { .. } = self.phase
            && !self.finish_connect(now)?
        {
            return Ok(Progress::Drained);
        }
        let progress = self.read(now, buffer, inbox)?;
        self.flush()?;
        Ok(progress)
    }

    /// Time passes: what took too long ends, what was silent is pinged.
    pub fn tick(&mut self, now: Instant) -> Result<(), End> {
        let over = |since: Instant, limit: Duration| now.saturating_duration_since(since) >= limit;
        match self.phase {
            Phase::Connecting { since } if over(since, CONNECT_WITHIN) => {
                Err(End::told(NoticeKind::Refused, "no connection within 4 s"))
            }
            Phase::Handshaking { since } if over(since, HANDSHAKE_WITHIN) => {
                Err(End::told(NoticeKind::Tls, "no TLS handshake within 10 s"))
            }
            Phase::Closing { since, .. } if over(since, CLOSE_WITHIN) => Err(End::silent()),
            Phase::Closing { .. } => {
                self.shut_when_done();
                Ok(())
            }
            Phase::Open { .. }
                if self
                    .half_since
                    .is_some_and(|since| over(since, MESSAGE_WITHIN)) =>
            {
                Err(End::told(
                    NoticeKind::Malformed,
                    "a message was not finished within 30 s",
                ))
            }
            Phase::Open { since }
                if self.key.is_none() && !self.had_message && over(since, FIRST_MESSAGE_WITHIN) =>
            {
                Err(End::silent())
            }
            Phase::Open { .. } if over(self.idle_since(), IDLE) => Err(End::silent()),
            Phase::Open { .. } if self.key.is_some() && over(self.used, PING_AFTER) => {
                self.ping(now)
            }
            _ => Ok(()),
        }
    }

    /// What is queued is still sent, what comes is thrown away; over within two seconds.
    fn close(&mut self, now: Instant) {
        if self.is_usable() {
            self.phase = Phase::Closing {
                since: now,
                shut: false,
            };
        }
    }

    /// A peer keeps its connection by pinging. We give up ours when they carry no messages.
    fn idle_since(&self) -> Instant {
        if self.key.is_some() {
            self.messaged
        } else {
            self.used
        }
    }

    fn ping(&mut self, now: Instant) -> Result<(), End> {
        self.used = now;
        self.framer.expect_pong();
        self.enqueue(None, b"\r\n\r\n".to_vec())?;
        self.flush()
    }

    fn enqueue(&mut self, send: Option<SendId>, bytes: Vec<u8>) -> Result<(), End> {
        self.link.enqueue(send, bytes).map_err(|Full| {
            End::told(
                NoticeKind::Overload,
                "the peer does not read: more than 256 KiB wait for it",
            )
        })
    }

    fn flush(&mut self) -> Result<(), End> {
        match self.phase {
            Phase::Connecting { .. } | Phase::Closing { shut: true, .. } => Ok(()),
            _ => self.link.write().map_err(|_| self.gone()),
        }
    }

    /// The peer ended it. A TLS peer of ours that never said a word did not like us: the alert
    /// that says so may be lost, for the connection is reset where it had not read what we sent.
    fn gone(&self) -> End {
        if self.key.is_some() && self.link.is_unheard() {
            End::told(NoticeKind::Tls, CLOSED_UNHEARD)
        } else {
            End::silent()
        }
    }

    fn shut_when_done(&mut self) {
        if let Phase::Closing { since, shut: false } = self.phase
            && self.link.is_empty()
        {
            self.link.shut();
            self.phase = Phase::Closing { since, shut: true };
        }
    }

    /// True once it stands.
    fn finish_connect(&mut self, now: Instant) -> Result<bool, End> {
        let failed =
            |error: io::Error| End::told(NoticeKind::Refused, &format!("cannot connect: {error}"));
        if let Some(error) = self.socket().take_error().map_err(failed)? {
            return Err(failed(error));
        }
        match self.socket().peer_addr() {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(false),
            Err(error) => return Err(failed(error)),
        }
        if let Ok(local) = self.socket().local_addr() {
            self.source.local = local;
        }
        self.phase = self.connected_phase(now);
        Ok(true)
    }

    fn read(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        inbox: &mut dyn Inbox,
    ) -> Result<Progress, End> {
        for _ in 0..READS_AT_ONCE {
            match self.link.read(buffer) {
                Ok(0) | Err(Fault::Gone) => return Err(self.gone()),
                Ok(len) => {
                    self.used = now;
                    if self.is_usable() {
                        self.framer.push(buffer.get(..len).unwrap_or_default());
                        self.take_frames(now, inbox)?;
                    }
                }
                Err(Fault::Nothing) => return Ok(Progress::Drained),
                Err(Fault::Partly) => {
                    // The next flight of the handshake must not wait for the next reading.
                    self.flush()?;
                    if matches!(self.phase, Phase::Handshaking { .. })
                        && !self.link.is_handshaking()
                    {
                        self.phase = Phase::Open { since: now };
                    }
                }
                Err(Fault::Tls(error)) => {
                    let key = self.key.as_ref();
                    let name = key.and_then(|key| key.tls_name.as_deref());
                    let identity = key.and_then(|key| key.identity);
                    let why = explain(&error, name.unwrap_or_default(), identity);
                    return Err(End::told(NoticeKind::Tls, &why));
                }
            }
        }
        Ok(Progress::More)
    }

    fn take_frames(&mut self, now: Instant, inbox: &mut dyn Inbox) -> Result<(), End> {
        let mut pings = 0;
        while let Some(frame) = self.framer.next_frame() {
            match frame {
                Frame::Message { message, raw } => {
                    self.had_message = true;
                    self.link.heard();
                    self.messaged = now;
                    self.half_since = None;
                    inbox.message(&self.source, raw, message);
                }
                Frame::Ping => pings += 1,
                Frame::Pong => {}
                Frame::Broken(fault) => {
                    let can_be_answered = fault.request.is_some();
                    inbox.malformed(&self.source, &[], fault);
                    if !can_be_answered {
                        return Err(End::silent());
                    }
                    self.close(now);
                    break;
                }
            }
        }
        self.half_since = self
            .framer
            .is_mid_message()
            .then(|| self.half_since.unwrap_or(now));
        if pings > 0 {
            self.enqueue(None, b"\r\n".repeat(pings))?;
        }
        Ok(())
    }
}
