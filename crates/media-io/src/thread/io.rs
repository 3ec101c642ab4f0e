//! The driver's side of a shard: sockets to send on, and notes of what is to be done when the
//! shard's method has returned.

use std::mem::swap;
use std::net::SocketAddr;
use std::sync::Arc;

use bridgetap_media::{
    EndReason, ForkDial, ForkEnded, ForkId, ForkTarget, LegId, LegStats, MediaEvent, RecordId, Sink,
};
use slab::Slab;

use super::conn::Conn;
use super::outgoing::{Outgoing, Via};
use crate::counters::Counts;
use crate::files::{FileOrder, Recorder};
use crate::ids::IdMap;
use crate::ports::PortPair;
use crate::route::LegRef;

/// One leg's sockets and what it shares with its handle. In this order: what a packet needs lies together.
#[repr(C)]
pub(super) struct LegIo {
    pub(super) id: LegId,
    pub(super) leg: Arc<LegRef>,
    pub(super) sockets: PortPair,
    /// Recordings were made: the leg's end must not overtake theirs.
    pub(super) recorded: bool,
    /// Its RTCP comes by its RTP socket.
    pub(super) muxed: bool,
    /// The figures already added to the thread's counts.
    counted: LegStats,
}

impl LegIo {
    pub(super) fn new(leg: Arc<LegRef>, sockets: PortPair) -> Self {
        Self {
            counted: no_figures(leg.id),
            id: leg.id,
            leg,
            sockets,
            recorded: false,
            muxed: false,
        }
    }
}

/// A fork that has not ended.
#[derive(Clone)]
pub(super) struct ForkIo {
    pub(super) leg: LegId,
    /// The connector is at work for it.
    pub(super) connecting: bool,
    /// Its far end says what is to be heard.
    pub(super) speaks: bool,
    /// Where it may be connected to again, and the leg to which that is told: it may outlive its leg.
    pub(super) route: Option<(Arc<LegRef>, Arc<ForkTarget>)>,
}

/// All that the shard's outputs touch.
#[derive(Default)]
pub(super) struct Io {
    pub(super) legs: Slab<LegIo>,
    pub(super) leg_keys: IdMap<LegId, usize>,
    outgoing: Outgoing,
    pub(super) conns: Slab<Conn>,
    pub(super) conn_keys: IdMap<ForkId, usize>,
    /// Every fork that has not ended, connected or not.
    pub(super) forks: IdMap<ForkId, ForkIo>,
    pub(super) recorders: IdMap<RecordId, Recorder>,
    /// Forks to connect to another endpoint, or again.
    pub(super) dials: Vec<(ForkId, ForkDial)>,
    /// Forks with something to pull.
    pub(super) ready: Vec<ForkId>,
    /// Forks that have ended since the last look; true: the connector is still at work for it.
    pub(super) ended: Vec<(ForkId, bool)>,
    /// Legs that have ended since the last look.
    pub(super) closed: Vec<LegId>,
    /// Events on their way up.
    pub(super) outbox: Vec<MediaEvent>,
    pub(super) file_orders: Vec<FileOrder>,
    pub(super) counts: Counts,
}

impl Io {
    /// The entry of a leg that lives here.
    pub(super) fn leg_mut(&mut self, leg: LegId) -> Option<&mut LegIo> {
        let key = *self.leg_keys.get(&leg)?;
        self.legs.get_mut(key)
    }

    /// Send what waits to be sent. Before a leg's sockets change or go.
    pub(super) fn flush(&mut self) {
        let (legs, counts) = (&mut self.legs, &mut self.counts);
        self.outgoing.drain(|via, to, datagram| {
            let taken = legs.get_mut(via.key).is_some_and(|leg| {
                if via.rtp {
                    leg.sockets.send_rtp(datagram, to)
                } else {
                    leg.sockets.send_rtcp(datagram, to)
                }
            });
            if taken {
                counts.datagrams_sent += 1;
            } else {
                counts.datagrams_refused += 1;
            }
        });
    }

    fn send(&mut self, leg: LegId, rtp: bool, to: SocketAddr, datagram: &[u8]) {
        // Looked for here, though it is needed only when they are sent: until then it has been fetched.
        let key = self.leg_keys.get(&leg).copied();
        let Some(key) = key.filter(|key| self.legs.contains(*key)) else {
            self.counts.datagrams_refused += 1;
            return;
        };
        if self.outgoing.push(Via { key, rtp }, to, datagram) {
            self.flush();
        }
    }

    /// Add what happened since the last figures of this leg to the thread's.
    fn count(&mut self, stats: &LegStats) {
        let Some(key) = self.leg_keys.get(&stats.leg) else {
            return;
        };
        let Some(entry) = self.legs.get_mut(*key) else {
            return;
        };
        entry.leg.publish(stats);
        let counts = &mut self.counts;
        let before = &entry.counted;
        let add = |count: &mut u64, of: fn(&LegStats) -> u64| {
            // `lost` may shrink when a late packet comes after all.
            *count += of(stats).saturating_sub(of(before));
        };
        add(&mut counts.packets_late, |s| s.late);
        add(&mut counts.packets_duplicated, |s| s.duplicated);
        add(&mut counts.packets_lost, |s| s.lost);
        add(&mut counts.packets_malformed, |s| s.malformed);
        add(&mut counts.packets_refused_source, |s| s.refused_source);
        entry.counted.clone_from(stats);
    }

    /// Two far ends change places: each keeps the port it sends to, so the sockets go along, and
    /// what was counted of what it sent. The keys of both legs.
    pub(super) fn exchange(&mut self, one: LegId, other: LegId) -> Option<[usize; 2]> {
        let keys = [one, other].map(|leg| self.leg_keys.get(&leg).copied());
        let [Some(first), Some(second)] = keys else {
            return None;
        };
        self.flush();
        let (one, other) = self.legs.get2_mut(first, second)?;
        swap(&mut one.sockets, &mut other.sockets);
        let (one, other) = (&mut one.counted, &mut other.counted);
        swap(&mut one.duplicated, &mut other.duplicated);
        swap(&mut one.lost, &mut other.lost);
        swap(&mut one.malformed, &mut other.malformed);
        swap(&mut one.refused_source, &mut other.refused_source);
        Some([first, second])
    }

    /// A fault of ours: everything that lived here has ended, and says so.
    pub(super) fn end_everything(&mut self, why: &str) {
        self.flush();
        self.outbox.clear();
        for (fork, io) in std::mem::take(&mut self.forks) {
            self.outbox
                .push(MediaEvent::ForkEnded(lost_fork(io.leg, fork, why)));
        }
        for (_, recorder) in std::mem::take(&mut self.recorders) {
            recorder.finish(&mut self.file_orders);
        }
        for entry in self.legs.drain() {
            let closed = MediaEvent::LegClosed {
                stats: entry.counted,
            };
            if entry.recorded {
                self.file_orders.push(FileOrder::Raise(Box::new(closed)));
            } else {
                self.outbox.push(closed);
            }
        }
        self.leg_keys.clear();
        self.conns.clear();
        self.conn_keys.clear();
        self.ready.clear();
        self.dials.clear();
        self.ended.clear();
        self.closed.clear();
    }
}

impl Sink for Io {
    fn send_rtp(&mut self, leg: LegId, to: SocketAddr, datagram: &[u8]) {
        self.send(leg, true, to, datagram);
    }

    fn send_rtcp(&mut self, leg: LegId, to: SocketAddr, datagram: &[u8]) {
        self.send(leg, false, to, datagram);
    }

    fn fork_ready(&mut self, fork: ForkId) {
        self.ready.push(fork);
    }

    fn fork_dial(&mut self, fork: ForkId, dial: ForkDial) {
        if let Some(io) = self.forks.get_mut(&fork) {
            io.connecting = true;
            self.dials.push((fork, dial));
        }
    }

    fn event(&mut self, mut event: MediaEvent) {
        match &mut event {
            MediaEvent::ForkEnded(ended) => {
                let connecting = self
                    .forks
                    .remove(&ended.fork)
                    .is_some_and(|io| io.connecting);
                self.ended.push((ended.fork, connecting));
                let conn = self
                    .conn_keys
                    .get(&ended.fork)
                    .and_then(|key| self.conns.get(*key));
                if let Some(words) = conn.and_then(|conn| conn.noise.words()) {
                    let separator = if ended.detail.is_empty() { "" } else { "; " };
                    ended.detail = format!("{}{separator}{words}", ended.detail);
                }
            }
            MediaEvent::LegClosed { stats } => {
                self.count(stats);
                self.closed.push(stats.leg);
                if self.leg_mut(stats.leg).is_some_and(|leg| leg.recorded) {
                    self.file_orders.push(FileOrder::Raise(Box::new(event)));
                    return;
                }
            }
            _ => {}
        }
        self.outbox.push(event);
    }

    fn record_samples(&mut self, record: RecordId, channels: usize, samples: &[i16]) {
        if let Some(recorder) = self.recorders.get_mut(&record) {
            recorder.push(channels, samples, &mut self.file_orders);
        }
    }

    fn record_ended(&mut self, _leg: LegId, record: RecordId) {
        let recorder = self
            .recorders
            .remove(&record)
            .unwrap_or_else(|| Recorder::new(record));
        recorder.finish(&mut self.file_orders);
    }

    fn leg_stats(&mut self, stats: &LegStats) {
        self.count(stats);
    }
}

fn lost_fork(leg: LegId, fork: ForkId, why: &str) -> ForkEnded {
    ForkEnded {
        leg,
        fork,
        reason: EndReason::Failed,
        code: 31900,
        detail: why.to_owned(),
        close_code: 0,
        frames_sent: 0,
        ms_sent: 0,
        ms_dropped: 0,
        ms_repaired: 0,
        lag_max_ms: 0,
        reconnects: 0,
        ms_replayed: 0,
        ms_missing: 0,
        latency_p50_us: 0,
        latency_p99_us: 0,
        ms_played: 0,
    }
}

fn no_figures(leg: LegId) -> LegStats {
    LegStats {
        leg,
        packets_received: 0,
        packets_sent: 0,
        bytes_received: 0,
        lost: 0,
        late: 0,
        duplicated: 0,
        reordered: 0,
        slips: 0,
        filled_ms: 0,
        jitter_ms: 0.0,
        refused_source: 0,
        malformed: 0,
        remote: None,
        level_in: -127.0,
        level_out: -127.0,
    }
}

#[cfg(test)]
mod tests;
