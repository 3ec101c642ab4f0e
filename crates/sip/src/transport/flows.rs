//! The flows: which number means which connection or UDP association.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::Token;

use crate::types::FlowId;

/// One UDP association as it was first seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpFlow {
    /// Which of our sockets.
    pub socket: usize,
    /// The peer.
    pub remote: SocketAddr,
    /// Our address toward it.
    pub local: SocketAddr,
}

/// Numbers never come twice. A stranger's datagram costs one of a fixed number of passing
/// places; only a flow over which somebody was admitted stays until it is long unused.
#[derive(Debug, Default)]
pub struct Flows {
    last: u64,
    streams: HashMap<FlowId, Token>,
    by_peer: HashMap<(usize, SocketAddr), FlowId>,
    udp: HashMap<FlowId, UdpEntry>,
    passing: VecDeque<FlowId>,
    kept: usize,
}

#[derive(Debug)]
struct UdpEntry {
    flow: UdpFlow,
    last_used: Instant,
    kept: bool,
}

const MAX_PASSING: usize = 8_192;
const MAX_KEPT: usize = 65_536;
/// Longer than any usual registration (3600 s) without a word.
const UNUSED_AFTER: Duration = Duration::from_secs(7_200);

impl Flows {
    /// A number for a new connection.
    pub fn add_stream(&mut self, token: Token) -> FlowId {
        let flow = self.next();
        self.streams.insert(flow, token);
        flow
    }

    /// The connection is gone.
    pub fn remove_stream(&mut self, flow: FlowId) {
        self.streams.remove(&flow);
    }

    /// The connection of that number.
    pub fn stream(&self, flow: FlowId) -> Option<Token> {
        self.streams.get(&flow).copied()
    }

    /// The UDP association of that number.
    pub fn udp(&self, flow: FlowId) -> Option<UdpFlow> {
        self.udp.get(&flow).map(|entry| entry.flow)
    }

    /// The number of a datagram's association; `local` is asked only for a new one.
    pub fn heard(
        &mut self,
        now: Instant,
        socket: usize,
        remote: SocketAddr,
        local: impl FnOnce() -> SocketAddr,
    ) -> (FlowId, UdpFlow) {
        if let Some(flow) = self.by_peer.get(&(socket, remote))
            && let Some(entry) = self.udp.get_mut(flow)
        {
            entry.last_used = now;
            return (*flow, entry.flow);
        }
        while self.passing.len() >= MAX_PASSING {
            self.evict_oldest();
        }
        let id = self.next();
        let flow = UdpFlow {
            socket,
            remote,
            local: local(),
        };
        self.by_peer.insert((socket, remote), id);
        self.udp.insert(
            id,
            UdpEntry {
                flow,
                last_used: now,
                kept: false,
            },
        );
        self.passing.push_back(id);
        (id, flow)
    }

    /// Somebody was admitted over it: it no longer gives way to strangers.
    pub fn keep(&mut self, flow: FlowId) {
        if self.kept >= MAX_KEPT {
            return;
        }
        if let Some(entry) = self.udp.get_mut(&flow)
            && !entry.kept
        {
            entry.kept = true;
            self.kept += 1;
        }
    }

    /// Forget what was unused for two hours; these flows are closed. Cheap enough for once a
    /// minute, not for more.
    pub fn expire(&mut self, now: Instant) -> Vec<FlowId> {
        let is_old = |entry: &UdpEntry| {
            entry.kept && now.saturating_duration_since(entry.last_used) > UNUSED_AFTER
        };
        let old: Vec<FlowId> = self
            .udp
            .iter()
            .filter(|(_, entry)| is_old(entry))
            .map(|(flow, _)| *flow)
            .collect();
        for flow in &old {
            self.remove_udp(*flow);
        }
        old
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.streams.len() + self.udp.len()
    }

    fn evict_oldest(&mut self) {
        if let Some(flow) = self.passing.pop_front()
            && self.udp.get(&flow).is_some_and(|entry| !entry.kept)
        {
            self.remove_udp(flow);
        }
    }

    fn remove_udp(&mut self, flow: FlowId) {
        if let Some(entry) = self.udp.remove(&flow) {
            self.by_peer.remove(&(entry.flow.socket, entry.flow.remote));
            self.kept -= usize::from(entry.kept);
        }
    }

    fn next(&mut self) -> FlowId {
        self.last += 1;
        FlowId(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(n: u32) -> SocketAddr {
        SocketAddr::from((std::net::Ipv4Addr::from(0x0a00_0000 + n), 5060))
    }

    fn hear(flows: &mut Flows, now: Instant, n: u32) -> FlowId {
        flows
            .heard(now, 0, peer(n), || "192.0.2.9:5060".parse().unwrap())
            .0
    }

    #[test]
    fn a_peer_keeps_its_number_and_sockets_are_told_apart() {
        let mut flows = Flows::default();
        let now = Instant::now();
        let first = hear(&mut flows, now, 1);
        assert_eq!(hear(&mut flows, now, 1), first);
        assert_ne!(hear(&mut flows, now, 2), first);
        let (other, flow) = flows.heard(now, 1, peer(1), || "192.0.2.9:5070".parse().unwrap());
        assert_ne!(other, first);
        assert_eq!(flows.udp(other), Some(flow));
        assert_eq!(flow.local, "192.0.2.9:5070".parse().unwrap());
        let stream = flows.add_stream(Token(5));
        assert_eq!(
            (flows.stream(stream), flows.udp(stream), flows.len()),
            (Some(Token(5)), None, 4)
        );
    }

    #[test]
    fn strangers_push_out_strangers_but_never_a_guest() {
        let mut flows = Flows::default();
        let now = Instant::now();
        let (guest, stranger) = (hear(&mut flows, now, 1), hear(&mut flows, now, 2));
        flows.keep(guest);
        flows.keep(guest);
        for n in 10..30_000 {
            hear(&mut flows, now, n);
        }
        assert!(flows.udp(guest).is_some());
        assert_eq!(flows.udp(stranger), None);
        assert_eq!(flows.len(), MAX_PASSING + 1);
        assert_eq!(flows.by_peer.len(), flows.len());
        assert_ne!(
            hear(&mut flows, now, 2),
            stranger,
            "a number never comes twice"
        );
    }

    #[test]
    fn a_guest_that_is_silent_for_long_is_forgotten() {
        let mut flows = Flows::default();
        let start = Instant::now();
        let (guest, lively) = (hear(&mut flows, start, 1), hear(&mut flows, start, 2));
        flows.keep(guest);
        flows.keep(lively);
        let later = start + UNUSED_AFTER;
        hear(&mut flows, later, 2);
        assert_eq!(flows.expire(later), []);
        assert_eq!(flows.expire(later + Duration::from_secs(1)), [guest]);
        assert_eq!((flows.udp(guest), flows.kept), (None, 1));
    }
}
