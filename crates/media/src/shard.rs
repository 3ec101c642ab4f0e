//! Everything one media thread owns: legs, bridges, plays, recordings and forks.

use std::net::SocketAddr;
use std::time::Instant;

use crate::command::Command;
use crate::config::ShardConfig;
use crate::fork::{ForkFrame, RemoteClose};
use crate::ids::{ForkId, LegId, RecordId};
use crate::sink::Sink;

/// The media of one thread, without I/O.
///
/// After every call ask [`next_timeout`](Self::next_timeout), and pull the forks that the sink
/// was told are ready.
#[derive(Debug)]
pub struct Shard {
    config: ShardConfig,
}

/// A leg on its way to another shard, between two packets. The bridge it was in has ended.
#[derive(Debug)]
pub struct MovedLeg {
    leg: LegId,
    forks: Vec<ForkId>,
    records: Vec<RecordId>,
}

impl MovedLeg {
    /// Which leg.
    #[must_use]
    pub fn id(&self) -> LegId {
        self.leg
    }

    /// The forks that move with it: their sockets must move too.
    pub fn forks(&self) -> impl Iterator<Item = ForkId> {
        self.forks.iter().copied()
    }

    /// The recordings that move with it.
    pub fn records(&self) -> impl Iterator<Item = RecordId> {
        self.records.iter().copied()
    }
}

impl Shard {
    /// An empty shard.
    #[must_use]
    pub fn new(config: ShardConfig) -> Self {
        Self { config }
    }

    /// A datagram arrived on a leg's RTP port. The packet is rewritten in place when relayed.
    pub fn receive_rtp(
        &mut self,
        now: Instant,
        leg: LegId,
        from: SocketAddr,
        packet: &mut [u8],
        sink: &mut impl Sink,
    ) {
        let _ = (now, leg, from, packet, sink);
    }

    /// A datagram arrived on a leg's RTCP port.
    pub fn receive_rtcp(
        &mut self,
        now: Instant,
        leg: LegId,
        from: SocketAddr,
        packet: &[u8],
        sink: &mut impl Sink,
    ) {
        let _ = (now, leg, from, packet, sink);
    }

    /// Carry out an order.
    pub fn command(&mut self, now: Instant, command: Command, sink: &mut impl Sink) {
        let _ = (now, command, sink);
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called; an instant already past
    /// is fine. Timeouts of many legs fall on common 5 ms steps, so wake-ups stay few.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        None
    }

    /// Do what is due: play, fill holes, send reports, end what has drained.
    pub fn handle_timeout(&mut self, now: Instant, sink: &mut impl Sink) {
        let _ = (now, sink, &self.config);
    }

    /// The far server answered 101.
    pub fn fork_opened(&mut self, now: Instant, fork: ForkId, sink: &mut impl Sink) {
        let _ = (now, fork, sink);
    }

    /// Append the next WebSocket text payload to `out`. `None`: nothing to send now; wait for
    /// [`Sink::fork_ready`]. Pull only while the socket takes more, so that a slow far end
    /// shows as lag here and not as memory there.
    pub fn fork_next(
        &mut self,
        now: Instant,
        fork: ForkId,
        out: &mut Vec<u8>,
        sink: &mut impl Sink,
    ) -> Option<ForkFrame> {
        let _ = (now, fork, out, sink);
        None
    }

    /// How many bytes handed over have not reached the peer yet (own buffers plus SIOCOUTQ).
    /// Call after a batch of writes, and after `stop` until it is 0.
    pub fn fork_written(
        &mut self,
        now: Instant,
        fork: ForkId,
        unsent_bytes: usize,
        sink: &mut impl Sink,
    ) {
        let _ = (now, fork, unsent_bytes, sink);
    }

    /// The far server closed. After `stop` this is the ordinary end.
    pub fn fork_remote_closed(
        &mut self,
        now: Instant,
        fork: ForkId,
        close: RemoteClose,
        sink: &mut impl Sink,
    ) {
        let _ = (now, fork, close, sink);
    }

    /// Connecting or writing failed; `code` is Twilio's (31901 …).
    pub fn fork_failed(
        &mut self,
        now: Instant,
        fork: ForkId,
        code: u32,
        detail: String,
        sink: &mut impl Sink,
    ) {
        let _ = (now, fork, code, detail, sink);
    }

    /// Take a leg out, with its plays, recordings and forks, to give it to another shard.
    /// Ends its bridge. `None` when it is not here or already closed.
    pub fn take_leg(&mut self, leg: LegId) -> Option<MovedLeg> {
        let _ = leg;
        None
    }

    /// Take in a leg that another shard gave away.
    pub fn insert_leg(&mut self, now: Instant, leg: MovedLeg, sink: &mut impl Sink) {
        let _ = (now, leg, sink);
    }

    /// Live legs, closed ones whose forks still drain not included.
    #[must_use]
    pub fn leg_count(&self) -> usize {
        0
    }

    /// Forks that have not ended.
    #[must_use]
    pub fn fork_count(&self) -> usize {
        0
    }
}
