//! Every socket of one endpoint, under one `mio` registry.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use mio::{Interest, Registry, Token};

use super::Inbox;
use super::flows::Flows;
use super::listen::Listen;
use super::sockets::{Socket, Sockets};
use super::stream::Progress;
use super::streams::{FIRST_TOKEN, Streams, tick, with_stream};
use super::tls::Tls;
use crate::config::Listener;
use crate::error::SipError;
use crate::resolve::{Means, Place};
use crate::types::{FlowId, Target, Transport};

/// What went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams that the kernel had no room to send; a retransmission makes them good.
    pub udp_send_dropped: u64,
    /// Connections beyond a limit, closed at once.
    pub connections_refused: u64,
}

/// All of them.
#[derive(Debug)]
pub struct Transports {
    pub(super) registry: Registry,
    pub(super) sockets: Sockets,
    pub(super) flows: Flows,
    pub(super) streams: Streams,
    pub(super) tls: Tls,
    pub(super) buffer: Vec<u8>,
    /// Sockets not emptied at their last turn: readiness is told only once.
    pub(super) again: VecDeque<Token>,
    /// Listeners that could not accept (no descriptors): tried again at the next sweep.
    pub(super) stuck: Vec<Token>,
    next_sweep: Instant,
    next_expiry: Instant,
    pub(super) counters: Counters,
}

/// The token of the listener at place 0; below it there is room for the caller's own.
pub(super) const FIRST_LISTENER: usize = 16;
const SWEEP: Duration = Duration::from_secs(1);
const EXPIRY: Duration = Duration::from_secs(60);

impl Transports {
    /// Bind all and register them.
    pub fn bind(
        now: Instant,
        registry: Registry,
        listens: &[Listen],
        tls: Tls,
    ) -> Result<Self, SipError> {
        if let Some(listen) = listens
            .iter()
            .find(|l| l.transport == Transport::Tls && !tls.can_accept())
        {
            let reason = format!("not set, but {listen} needs it");
            return Err(SipError::Tls {
                setting: "tls_certificate",
                reason,
            });
        }
        let mut sockets = Sockets::bind(listens)?;
        for (place, bound) in sockets.iter_mut().enumerate() {
            let token = Token(FIRST_LISTENER + place);
            match &mut bound.socket {
                Socket::Udp(socket) => registry.register(socket, token, Interest::READABLE)?,
                Socket::Stream(socket) => registry.register(socket, token, Interest::READABLE)?,
            }
        }
        Ok(Self {
            registry,
            sockets,
            flows: Flows::default(),
            streams: Streams::default(),
            tls,
            buffer: vec![0; 65_536],
            again: VecDeque::new(),
            stuck: Vec::new(),
            next_sweep: now + SWEEP,
            next_expiry: now + EXPIRY,
            counters: Counters::default(),
        })
    }

    /// At most so many connections in all and from one address (8192 and 1024 otherwise).
    pub fn limit_connections(&mut self, max: usize, max_per_source: usize) {
        self.streams.limit(max, max_per_source);
    }

    /// What was bound, in the order of the list.
    pub fn listeners(&self) -> Vec<Listener> {
        self.sockets.listeners()
    }

    /// What can be sent with.
    pub fn means(&self) -> Means {
        self.sockets.means(self.tls.can_connect())
    }

    /// Places as targets, with our addresses toward them.
    pub fn targets(&mut self, places: Vec<Place>) -> Vec<Target> {
        places
            .into_iter()
            .map(|place| self.sockets.target(place))
            .collect()
    }

    /// A flow as a target, while it lives.
    pub fn target_of(&self, flow: FlowId) -> Option<Target> {
        let (transport, remote, local) = match (self.flows.udp(flow), self.flows.stream(flow)) {
            (Some(udp), _) => (Transport::Udp, udp.remote, udp.local),
            (None, Some(token)) => {
                let source = self.streams.source(token)?;
                (source.transport, source.remote, source.local)
            }
            (None, None) => return None,
        };
        Some(Target {
            flow: Some(flow),
            transport,
            remote,
            local,
            tls_name: None,
            identity: None,
        })
    }

    /// Somebody was admitted over `flow`.
    pub fn keep(&mut self, flow: FlowId) {
        self.flows.keep(flow);
    }

    /// Flows, connections, drops.
    pub fn counts(&self) -> (usize, usize, Counters) {
        (self.flows.len(), self.streams.len(), self.counters)
    }

    /// One socket is ready.
    pub fn ready(&mut self, now: Instant, token: Token, inbox: &mut dyn Inbox) {
        if token.0 >= FIRST_TOKEN {
            self.stream_ready(now, token, inbox);
            return;
        }
        let Some(place) = token.0.checked_sub(FIRST_LISTENER) else {
            return;
        };
        match self.sockets.get(place).map(|bound| &bound.socket) {
            Some(Socket::Udp(_)) => self.receive(now, place, inbox),
            Some(Socket::Stream(_)) => self.accept(now, place, inbox),
            None => {}
        }
    }

    /// Whether some socket wants another turn before anything is waited for.
    pub fn has_backlog(&self) -> bool {
        !self.again.is_empty()
    }

    /// Give each of them one turn.
    pub fn work_off(&mut self, now: Instant, inbox: &mut dyn Inbox) {
        for _ in 0..self.again.len() {
            if let Some(token) = self.again.pop_front() {
                self.ready(now, token, inbox);
            }
        }
    }

    /// When [`Self::handle_timeout`] has something to do.
    pub fn next_timeout(&self) -> Instant {
        let sweeps = self.streams.len() > 0 || !self.stuck.is_empty();
        if sweeps {
            self.next_sweep.min(self.next_expiry)
        } else {
            self.next_expiry
        }
    }

    /// Close what took too long, ping what was silent, forget what was long unused.
    pub fn handle_timeout(&mut self, now: Instant, inbox: &mut dyn Inbox) {
        if now >= self.next_sweep {
            self.next_sweep = now + SWEEP;
            tick(
                &mut self.streams,
                &self.registry,
                &mut self.flows,
                now,
                inbox,
            );
            self.again.extend(std::mem::take(&mut self.stuck));
        }
        if now >= self.next_expiry {
            self.next_expiry = now + EXPIRY;
            for flow in self.flows.expire(now) {
                inbox.flow_closed(flow, true);
            }
        }
    }

    fn stream_ready(&mut self, now: Instant, token: Token, inbox: &mut dyn Inbox) {
        let buffer = &mut self.buffer;
        let progress = with_stream(
            &mut self.streams,
            &self.registry,
            &mut self.flows,
            token,
            inbox,
            |stream, inbox| stream.ready(now, buffer, inbox),
        );
        if progress == Some(Progress::More) {
            self.again.push_back(token);
        }
    }
}
