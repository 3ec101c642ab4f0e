//! One stream on its way to being open: addresses, TCP, TLS, HTTP upgrade. Never waits.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bridgetap_media::Failure;
use rustls::{ClientConnection, Error as TlsError};

use super::{Dial, Opened};
use crate::poller::{Interest, Poller};
use crate::socket;
use crate::tls::{TlsClient, explain};
use crate::ws::Upgrade;

/// Where it stands.
pub(super) enum State {
    /// Waiting for the resolver.
    Resolving,
    /// TCP to one of the addresses.
    Connecting { socket: TcpStream, to: SocketAddr },
    /// TLS, and inside it the upgrade; the request goes out by itself when TLS stands.
    Upgrading {
        socket: TcpStream,
        tls: Box<ClientConnection>,
        upgrade: Upgrade,
    },
}

/// What came of a step.
pub(super) enum Step {
    /// Wait for the socket again.
    Wait,
    /// The stream is open.
    Open(Box<Opened>),
    /// It is not going to be.
    Fail(Failure),
}

/// One stream being opened.
pub(super) struct Attempt {
    dial: Dial,
    state: State,
    addresses: VecDeque<IpAddr>,
    /// The end of all patience.
    deadline: Instant,
    /// The end of patience with this address.
    address_deadline: Instant,
    last_failure: Option<Failure>,
    token: u64,
    timeout: Duration,
}

/// What all attempts share.
pub(super) struct Tools<'a> {
    pub(super) poller: &'a Poller,
    pub(super) tls: &'a TlsClient,
    pub(super) user_agent: &'a str,
}

/// Reads per turn: a server that sends much in the handshake does not hold up the others.
const READS: usize = 8;

impl Attempt {
    pub(super) fn new(dial: Dial, token: u64, now: Instant, timeout: Duration) -> Self {
        Self {
            dial,
            state: State::Resolving,
            addresses: VecDeque::new(),
            deadline: now + timeout,
            address_deadline: now + timeout,
            last_failure: None,
            token,
            timeout,
        }
    }

    /// When [`timed_out`](Self::timed_out) wants to be called.
    pub(super) fn deadline(&self) -> Instant {
        self.address_deadline.min(self.deadline)
    }

    /// The addresses that may be tried are known.
    pub(super) fn resolved(&mut self, addresses: Vec<IpAddr>, now: Instant, tools: &Tools) -> Step {
        self.addresses = addresses.into();
        self.try_next(now, tools)
    }

    /// The socket can be served.
    pub(super) fn ready(&mut self, now: Instant, tools: &Tools) -> Step {
        match &mut self.state {
            State::Resolving => Step::Wait,
            State::Connecting { socket, to } => {
                // Writable before it is connected or has failed: a wake-up meant for an earlier
                // address. SO_ERROR tells failed, the peer's address tells connected.
                match socket.take_error() {
                    Ok(None) if socket.peer_addr().is_ok() => self.connected(now, tools),
                    Ok(None) => Step::Wait,
                    Ok(Some(error)) | Err(error) => {
                        let failure = refused(*to, &error);
                        self.failed_here(failure, now, tools)
                    }
                }
            }
            State::Upgrading { .. } => self.upgrade(tools),
        }
    }

    /// The deadline has passed.
    pub(super) fn timed_out(&mut self, now: Instant, tools: &Tools) -> Step {
        let ms = self.timeout.as_millis();
        let (what, goes_on) = match &self.state {
            State::Resolving => (
                format!("the name {} was not resolved", self.dial.endpoint.host),
                false,
            ),
            State::Connecting { to, .. } => (format!("no TCP answer from {to}"), true),
            State::Upgrading { tls, .. } if tls.is_handshaking() => (
                "the server accepted the connection but did not finish the TLS handshake".into(),
                false,
            ),
            State::Upgrading { .. } => ("the server did not answer the upgrade".into(), false),
        };
        let failure = Failure::new(31901, format!("{what} within {ms} ms"));
        if goes_on && now < self.deadline {
            return self.failed_here(failure, now, tools);
        }
        Step::Fail(failure)
    }

    fn failed_here(&mut self, failure: Failure, now: Instant, tools: &Tools) -> Step {
        self.last_failure = Some(failure);
        self.state = State::Resolving;
        self.try_next(now, tools)
    }

    /// Begin with the next address; time that is left is shared evenly.
    fn try_next(&mut self, now: Instant, tools: &Tools) -> Step {
        while let Some(ip) = self.addresses.pop_front() {
            let to = SocketAddr::new(ip, self.dial.endpoint.port);
            let share = self.addresses.len() as u32 + 1;
            self.address_deadline = now + self.deadline.saturating_duration_since(now) / share;
            let started = socket::connect(to, self.dial.user_timeout).and_then(|socket| {
                tools.poller.add(&socket, self.token, Interest::Write)?;
                Ok(socket)
            });
            match started {
                Ok(socket) => {
                    self.state = State::Connecting { socket, to };
                    return Step::Wait;
                }
                Err(error) => self.last_failure = Some(refused(to, &error)),
            }
        }
        let nowhere = || Failure::new(31904, format!("{} has no address", self.dial.endpoint.host));
        Step::Fail(self.last_failure.take().unwrap_or_else(nowhere))
    }

    fn connected(&mut self, now: Instant, tools: &Tools) -> Step {
        let State::Connecting { socket, .. } = std::mem::replace(&mut self.state, State::Resolving)
        else {
            return Step::Wait;
        };
        let _ = now;
        self.address_deadline = self.deadline;
        let mut tls = match tools.tls.connection(&self.dial.endpoint) {
            Ok(tls) => Box::new(tls),
            Err(why) => return Step::Fail(Failure::lasting(31910, why)),
        };
        let mut nonce = [0; 16];
        if let Err(error) = getrandom::fill(&mut nonce) {
            return Step::Fail(Failure::new(31900, format!("no random bytes: {error}")));
        }
        let (upgrade, request) = Upgrade::new(&self.dial, tools.user_agent, nonce);
        if let Err(error) = tls.writer().write_all(&request) {
            return Step::Fail(Failure::new(
                31900,
                format!("the request cannot be queued: {error}"),
            ));
        }
        self.state = State::Upgrading {
            socket,
            tls,
            upgrade,
        };
        self.upgrade(tools)
    }

    fn upgrade(&mut self, tools: &Tools) -> Step {
        let State::Upgrading {
            socket,
            tls,
            upgrade,
        } = &mut self.state
        else {
            return Step::Wait;
        };
        let own_ca = self.dial.endpoint.tls.trusted_ca.is_some();
        let rest = match converse(socket, tls, upgrade, own_ca) {
            Ok(Some(rest)) => rest,
            Ok(None) => {
                let interest = if tls.wants_write() {
                    Interest::Both
                } else {
                    Interest::Read
                };
                if let Err(error) = tools.poller.change(socket, self.token, interest) {
                    return Step::Fail(Failure::new(31900, format!("cannot be watched: {error}")));
                }
                return Step::Wait;
            }
            Err(failure) => return Step::Fail(failure),
        };
        let _ = tools.poller.remove(socket);
        match std::mem::replace(&mut self.state, State::Resolving) {
            State::Upgrading {
                socket,
                tls,
                upgrade,
            } => Step::Open(Box::new(Opened {
                socket,
                tls,
                early: rest,
                kept: upgrade.kept(),
            })),
            _ => Step::Wait,
        }
    }
}

/// Read what is there, write what is due; the bytes behind the 101 when it has come.
fn converse(
    socket: &mut TcpStream,
    tls: &mut ClientConnection,
    upgrade: &mut Upgrade,
    own_ca: bool,
) -> Result<Option<Vec<u8>>, Failure> {
    let mut plain = Vec::new();
    let mut ended = None;
    for _ in 0..READS {
        match tls.read_tls(socket) {
            Ok(0) => ended = Some("closed the connection".to_owned()),
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => break,
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => ended = Some(format!("broke the connection ({e})")),
        }
        if let Err(error) = tls.process_new_packets() {
            let _ = flush(socket, tls); // the alert, so that the server's log says why
            let why = explain(&error, own_ca);
            // What the server presents, and what it says of us, it will present and say again.
            return Err(match error {
                TlsError::InvalidCertificate(_) | TlsError::AlertReceived(_) => {
                    Failure::lasting(31910, why)
                }
                _ => Failure::new(31910, why),
            });
        }
        // What is there is taken; the error that ends the reading is "no more now" or "no more".
        let _ = tls.reader().read_to_end(&mut plain);
        if ended.is_some() {
            break;
        }
    }
    if !plain.is_empty()
        && let Some(rest) = upgrade
            .feed(&plain)
            .map_err(|why| match upgrade.is_refused() {
                true => Failure::lasting(31920, why),
                false => Failure::new(31920, why),
            })?
    {
        return Ok(Some(rest));
    }
    if ended.is_none() {
        ended = flush(socket, tls)
            .err()
            .map(|e| format!("broke the connection ({e})"));
    }
    match ended {
        None => Ok(None),
        Some(how) if tls.is_handshaking() => Err(Failure::new(
            31910,
            format!("the server {how} during the TLS handshake"),
        )),
        Some(how) => Err(Failure::new(
            31920,
            format!("the server {how} instead of answering 101"),
        )),
    }
}

fn flush(socket: &mut TcpStream, tls: &mut ClientConnection) -> io::Result<()> {
    while tls.wants_write() {
        match tls.write_tls(socket) {
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => break,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// The code for a TCP connection that did not come about.
fn refused(to: SocketAddr, error: &io::Error) -> Failure {
    let code = match error.kind() {
        ErrorKind::TimedOut => 31901,
        ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::AddrNotAvailable => 31904,
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => 31902,
        _ => 31900,
    };
    Failure::new(code, format!("connecting to {to}: {error}"))
}
