//! Messages on their way out: over a flow, an open connection, or a new one.

use std::io;
use std::time::Instant;

use mio::Token;

use super::Inbox;
use super::flows::UdpFlow;
use super::net::Transports;
use super::peer_key::PeerKey;
use super::stream::Stream;
use super::streams::{connect, source_of, with_stream};
use crate::types::{FlowId, NoticeKind, SendId, SendTo, Target, Transport, Trouble};

impl Transports {
    /// Put a message on its way. What fails later is told to the inbox.
    pub fn send(
        &mut self,
        now: Instant,
        send: SendId,
        to: &SendTo,
        bytes: Vec<u8>,
        inbox: &mut dyn Inbox,
    ) {
        let target = to.target();
        let sent = match (target.transport, target.flow, to) {
            (Transport::Udp, _, _) => self.send_datagram(target, to, &bytes),
            (_, Some(flow), _) if self.flows.stream(flow).is_some() => {
                self.send_stream(now, self.flows.stream(flow), send, bytes, inbox)
            }
            (_, Some(_), SendTo::Request(_)) => Err("the connection is closed".to_owned()),
            // RFC 3261 §18.2.2: a response whose connection is gone goes over a new one.
            _ => self
                .connected(now, target)
                .and_then(|token| self.send_stream(now, Some(token), send, bytes, inbox)),
        };
        if let Err(reason) = sent {
            log::debug!(
                "sip.not-sent to={}:{} reason={reason:?}",
                target.transport.name(),
                target.remote
            );
            let tls = target.transport == Transport::Tls;
            if tls {
                inbox.notice(NoticeKind::Tls, target.remote, &reason);
            }
            let detail = reason;
            inbox.send_failed(send, Trouble { tls, detail });
        }
    }

    /// End a connection after what is queued for it. A UDP flow stays: others may use it.
    pub fn close_flow(&mut self, now: Instant, flow: FlowId, inbox: &mut dyn Inbox) {
        if let Some(token) = self.flows.stream(flow) {
            with_stream(
                &mut self.streams,
                &self.registry,
                &mut self.flows,
                token,
                inbox,
                |stream, _| stream.finish(now),
            );
        }
    }

    fn send_datagram(&mut self, target: &Target, to: &SendTo, bytes: &[u8]) -> Result<(), String> {
        let flow = target.flow.map(|flow| self.flows.udp(flow));
        let socket = match (flow, to) {
            (Some(Some(UdpFlow { socket, .. })), _) => self.sockets.udp_at(socket),
            (Some(None), SendTo::Request(_)) => return Err("the flow is forgotten".to_owned()),
            _ => self
                .sockets
                .udp_for(target.local, target.remote)
                .map(|(_, socket)| socket),
        };
        let socket = socket.ok_or("no UDP socket of that family")?;
        match socket.send_to(bytes, target.remote) {
            Ok(_) => Ok(()),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                self.counters.udp_send_dropped += 1;
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    fn send_stream(
        &mut self,
        now: Instant,
        token: Option<Token>,
        send: SendId,
        bytes: Vec<u8>,
        inbox: &mut dyn Inbox,
    ) -> Result<(), String> {
        let token = token.filter(|token| {
            self.streams
                .get_mut(*token)
                .is_some_and(|stream| stream.is_usable() || stream.key().is_none())
        });
        let token = token.ok_or("the connection is closing")?;
        with_stream(
            &mut self.streams,
            &self.registry,
            &mut self.flows,
            token,
            inbox,
            |stream, _| stream.send(now, send, bytes),
        );
        Ok(()) // a connection that broke has told of this message with the others
    }

    /// The open connection to a peer, or a new one.
    fn connected(&mut self, now: Instant, target: &Target) -> Result<Token, String> {
        let key = PeerKey::of(target);
        if let Some(token) = self.streams.to_peer(&key) {
            return Ok(token);
        }
        if !self.streams.has_room(key.remote) {
            return Err("too many connections".to_owned());
        }
        let tls = key
            .tls_name
            .as_deref()
            .map(|name| self.tls.connect(name, key.identity))
            .transpose()?;
        let from = self.sockets.source_ip(key.transport, key.remote);
        let socket =
            connect(key.remote, from).map_err(|error| format!("cannot connect: {error}"))?;
        let flow = self.flows.add_stream(self.streams.next_token());
        let source = source_of(flow, &key, target.local);
        let stream = Stream::connecting(now, source, socket, tls.map(Into::into), key);
        self.streams.add(&self.registry, stream).map_err(|error| {
            self.flows.remove_stream(flow);
            error.to_string()
        })
    }
}
