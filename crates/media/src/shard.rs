//! Everything one media thread owns: legs, bridges, plays, recordings and forks.

mod ahead;
mod map;
mod orders;
mod timers;

use std::net::SocketAddr;
use std::time::Instant;

use self::map::Map;
use self::timers::Timers;
use crate::command::Command;
use crate::config::ShardConfig;
use crate::fork::{Failure, Fork, ForkFrame, RemoteClose, Rings};
use crate::ids::{ForkId, LegId, RecordId};
use crate::leg::{Leg, Scratch};
use crate::sink::Sink;

/// The media of one thread, without I/O.
///
/// After every call ask [`next_timeout`](Self::next_timeout), and pull the forks that the sink
/// was told are ready.
#[derive(Debug)]
pub struct Shard {
    config: ShardConfig,
    legs: Map<LegId, Box<Leg>>,
    /// How many of them are closed and wait for forks that drain.
    draining: usize,
    /// Whose each fork is.
    forks: Map<ForkId, LegId>,
    records: Map<RecordId, LegId>,
    timers: Timers,
    scratch: Box<Scratch>,
}

/// A leg on its way to another shard, between two packets. The bridge it was in has ended.
#[derive(Debug)]
pub struct MovedLeg(Box<Leg>);

impl MovedLeg {
    /// Which leg.
    #[must_use]
    pub fn id(&self) -> LegId {
        self.0.id
    }

    /// The forks that move with it: their sockets must move too.
    pub fn forks(&self) -> impl Iterator<Item = ForkId> {
        self.0.taps.listeners.forks.iter().map(Fork::id)
    }

    /// The recordings that move with it.
    pub fn records(&self) -> impl Iterator<Item = RecordId> {
        self.0.taps.records()
    }
}

impl Shard {
    /// An empty shard.
    #[must_use]
    pub fn new(config: ShardConfig) -> Self {
        Self {
            timers: Timers::new(config.epoch),
            config,
            legs: Map::default(),
            draining: 0,
            forks: Map::default(),
            records: Map::default(),
            scratch: Box::new(Scratch::new()),
        }
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
        let opened = self
            .legs
            .get_mut(&leg)
            .and_then(|leg| Some((leg.peer, leg.open(packet)?)));
        let Some((peer, packet)) = opened else {
            return;
        };
        let wants = peer.and_then(|peer| self.legs.get(&peer)?.wants());
        let Some(heard) = self
            .legs
            .get_mut(&leg)
            .and_then(|leg| leg.receive_rtp(now, from, packet, wants, &mut self.scratch, sink))
        else {
            return self.arm(leg);
        };
        if let Some(peer) = peer
            && let Some(other) = self.legs.get_mut(&peer)
        {
            other.relay(now, &heard, packet, &mut self.scratch, sink);
            self.settle_packet(now, peer);
        }
        self.pass_on_keys(now, leg);
        self.pass_on_copies(now, sink);
        self.settle_packet(now, leg);
    }

    /// A datagram arrived on a leg's RTCP port.
    pub fn receive_rtcp(
        &mut self,
        now: Instant,
        leg: LegId,
        from: SocketAddr,
        packet: &mut [u8],
        sink: &mut impl Sink,
    ) {
        // Reports only change figures, but every entry point has the same shape.
        let _ = sink;
        if let Some(leg) = self.legs.get_mut(&leg)
            && let Some(packet) = leg.open(packet)
        {
            leg.receive_rtcp(now, from, packet);
        }
    }

    /// Carry out an order.
    pub fn command(&mut self, now: Instant, command: Command, sink: &mut impl Sink) {
        self.order(now, command, sink);
        self.pass_on_copies(now, sink);
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called; an instant already past
    /// is fine. Timeouts of many legs fall on common 5 ms steps, so wake-ups stay few.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Do what is due: play, fill holes, send reports, end what has drained.
    pub fn handle_timeout(&mut self, now: Instant, sink: &mut impl Sink) {
        while let Some((due, id)) = self.timers.pop(now) {
            let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.armed == Some(due)) else {
                continue;
            };
            leg.armed = None;
            leg.handle_timeout(now, &mut self.scratch, sink);
            self.pass_on_keys(now, id);
            self.pass_on_copies(now, sink);
            self.settle(now, id);
        }
    }

    /// The far server answered 101; `kept` is the last sequence number it says it has of this stream.
    pub fn fork_opened(
        &mut self,
        now: Instant,
        fork: ForkId,
        kept: Option<u64>,
        sink: &mut impl Sink,
    ) {
        self.with_fork(now, fork, |fork, _| fork.opened(now, kept, sink));
    }

    /// Append the payload of the next WebSocket message to `out`. `None`: nothing to send now; wait for
    /// [`Sink::fork_ready`]. Pull only while the socket takes more, so that a slow far end
    /// shows as lag here and not as memory there.
    pub fn fork_next(
        &mut self,
        now: Instant,
        fork: ForkId,
        out: &mut Vec<u8>,
        sink: &mut impl Sink,
    ) -> Option<ForkFrame> {
        let leg = self.legs.get_mut(self.forks.get(&fork)?)?;
        let listeners = &mut leg.taps.listeners;
        let found = listeners.forks.iter_mut().find(|f| f.id() == fork)?;
        let frame = found.next(now, &listeners.rings, out, sink);
        // `stop` has a deadline of its own.
        if frame == Some(ForkFrame::Stop) {
            let id = leg.id;
            self.arm(id);
        }
        frame
    }

    /// The far end of a bidirectional fork sent a text message. Of another it means nothing.
    pub fn fork_heard(&mut self, now: Instant, fork: ForkId, text: &[u8], sink: &mut impl Sink) {
        self.with_fork(now, fork, |fork, _| fork.heard(now, text, sink));
    }

    /// The far end of a bidirectional fork sent a binary message of so many bytes.
    pub fn fork_heard_binary(
        &mut self,
        now: Instant,
        fork: ForkId,
        bytes: usize,
        sink: &mut impl Sink,
    ) {
        self.with_fork(now, fork, |fork, _| fork.heard_binary(bytes, sink));
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
        self.with_fork(now, fork, |fork, rings| {
            fork.written(now, unsent_bytes, rings, sink)
        });
    }

    /// The far server closed. After `stop` this is the ordinary end.
    pub fn fork_remote_closed(
        &mut self,
        now: Instant,
        fork: ForkId,
        close: RemoteClose,
        sink: &mut impl Sink,
    ) {
        self.with_fork(now, fork, |fork, rings| {
            fork.remote_closed(now, close, rings, sink)
        });
    }

    /// Connecting or writing failed.
    pub fn fork_failed(
        &mut self,
        now: Instant,
        fork: ForkId,
        failure: Failure,
        sink: &mut impl Sink,
    ) {
        self.with_fork(now, fork, |fork, rings| {
            fork.failed(now, failure, rings, sink)
        });
    }

    /// Take a leg out, with its plays, recordings and forks, to give it to another shard.
    /// Ends its bridge. `None` when it is not here or already closed.
    pub fn take_leg(&mut self, leg: LegId) -> Option<MovedLeg> {
        self.legs.get(&leg).filter(|leg| !leg.closed)?;
        self.unbridge(leg);
        let mut taken = self.legs.remove(&leg)?;
        taken.armed = None;
        self.forks.retain(|_, owner| *owner != leg);
        self.records.retain(|_, owner| *owner != leg);
        Some(MovedLeg(taken))
    }

    /// Take in a leg that another shard gave away.
    pub fn insert_leg(&mut self, now: Instant, leg: MovedLeg, sink: &mut impl Sink) {
        let id = leg.id();
        self.forks.extend(leg.forks().map(|fork| (fork, id)));
        self.records
            .extend(leg.records().map(|record| (record, id)));
        // Whoever drives this shard does not know which of them had something to send.
        leg.0
            .taps
            .listeners
            .forks
            .iter()
            .for_each(|fork| sink.fork_ready(fork.id()));
        self.legs.insert(id, leg.0);
        self.settle(now, id);
    }

    /// Would [`Command::Exchange`] do anything? Who drives this shard exchanges their sockets
    /// along with them.
    #[must_use]
    pub fn can_exchange(&self, one: LegId, other: LegId) -> bool {
        let open = |id| self.legs.get(&id).is_some_and(|leg| !leg.closed);
        one != other && open(one) && open(other)
    }

    /// Does this leg send what another says?
    #[must_use]
    pub fn sends_copy(&self, leg: LegId) -> bool {
        self.legs.get(&leg).is_some_and(|leg| leg.copied.is_some())
    }

    /// The legs that send what this one says.
    #[must_use]
    pub fn followers(&self, leg: LegId) -> Vec<LegId> {
        let leg = self.legs.get(&leg);
        leg.map_or_else(Vec::new, |leg| leg.taps.listeners.copies.all_targets())
    }

    /// Live legs, closed ones whose forks still drain not included.
    #[must_use]
    pub fn leg_count(&self) -> usize {
        self.legs.len() - self.draining
    }

    /// Forks that have not ended.
    #[must_use]
    pub fn fork_count(&self) -> usize {
        self.forks.len()
    }

    /// Keys of this leg that its peer must hear as tones.
    fn pass_on_keys(&mut self, now: Instant, leg: LegId) {
        let Some(leg) = self
            .legs
            .get_mut(&leg)
            .filter(|leg| !leg.for_peer.is_empty())
        else {
            return;
        };
        let presses = std::mem::take(&mut leg.for_peer);
        if let Some(id) = leg.peer
            && let Some(peer) = self.legs.get_mut(&id)
        {
            for press in presses {
                peer.pass_on(now, press);
            }
            self.arm(id);
        }
    }

    /// Let others send what was said for them. One that is on its way here from another shard misses it.
    fn pass_on_copies(&mut self, now: Instant, sink: &mut impl Sink) {
        if self.scratch.said.is_empty() {
            return;
        }
        let mut said = std::mem::take(&mut self.scratch.said);
        for chunk in said.drain(..) {
            if let Some(leg) = self.legs.get_mut(&chunk.to) {
                leg.send_copy(now, &chunk, &mut self.scratch, sink);
            }
        }
        self.scratch.said = said;
    }

    fn with_fork(&mut self, now: Instant, fork: ForkId, act: impl FnOnce(&mut Fork, &Rings)) {
        let Some(&id) = self.forks.get(&fork) else {
            return;
        };
        if let Some(leg) = self.legs.get_mut(&id) {
            let listeners = &mut leg.taps.listeners;
            if let Some(fork) = listeners.forks.iter_mut().find(|f| f.id() == fork) {
                act(fork, &listeners.rings);
            }
        }
        self.settle(now, id);
    }

    /// Forget what is over, begin what can begin, and set the leg's timer.
    fn settle(&mut self, now: Instant, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let forks = &mut self.forks;
        leg.taps.listeners.forks.retain(|fork| {
            if fork.is_over() {
                forks.remove(&fork.id());
            }
            !fork.is_over()
        });
        if leg.closed && leg.taps.listeners.forks.is_empty() {
            self.legs.remove(&id);
            self.draining -= 1;
            return;
        }
        if !leg.closed {
            leg.taps.settle(now);
            leg.settle_voice(now);
        }
        self.arm(id);
    }

    /// Set the leg's timer; a packet that ended a fork is the exception.
    fn settle_packet(&mut self, now: Instant, id: LegId) {
        let forks = self.legs.get(&id).map(|leg| &leg.taps.listeners.forks);
        if forks.is_some_and(|forks| forks.iter().any(Fork::is_over)) {
            self.settle(now, id);
        } else {
            self.arm(id);
        }
    }

    fn arm(&mut self, id: LegId) {
        if let Some(leg) = self.legs.get_mut(&id)
            && let Some(due) = leg.next_timeout()
        {
            self.timers.arm(id, due, &mut leg.armed);
        }
    }
}
