//! What the shard told its driver, kept for the test to look at.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bridgetap_media::{ForkDial, ForkId, LegId, LegStats, MediaEvent, RecordId, Sink};

/// One datagram the shard sent.
#[derive(Debug, Clone)]
pub struct Sent {
    pub at: Duration,
    pub leg: LegId,
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
}

impl Sent {
    pub fn marker(&self) -> bool {
        self.bytes[1] & 0x80 != 0
    }

    pub fn payload_type(&self) -> u8 {
        self.bytes[1] & 0x7F
    }

    pub fn sequence(&self) -> u16 {
        u16::from_be_bytes([self.bytes[2], self.bytes[3]])
    }

    pub fn timestamp(&self) -> u32 {
        u32::from_be_bytes(self.bytes[4..8].try_into().unwrap())
    }

    pub fn ssrc(&self) -> u32 {
        u32::from_be_bytes(self.bytes[8..12].try_into().unwrap())
    }

    pub fn payload(&self) -> &[u8] {
        &self.bytes[12..]
    }
}

/// What the shard told its driver.
#[derive(Default)]
pub struct Net {
    pub now: Duration,
    pub rtp: Vec<Sent>,
    pub rtcp: Vec<Sent>,
    pub ready: Vec<ForkId>,
    pub dials: Vec<(Duration, ForkId, ForkDial)>,
    pub events: Vec<(Duration, MediaEvent)>,
    pub samples: BTreeMap<RecordId, (usize, Vec<i16>)>,
    pub ended_records: Vec<RecordId>,
    pub stats: Vec<LegStats>,
}

impl Sink for Net {
    fn send_rtp(&mut self, leg: LegId, to: SocketAddr, datagram: &[u8]) {
        let (at, bytes) = (self.now, datagram.to_vec());
        self.rtp.push(Sent { at, leg, to, bytes });
    }

    fn send_rtcp(&mut self, leg: LegId, to: SocketAddr, datagram: &[u8]) {
        let (at, bytes) = (self.now, datagram.to_vec());
        self.rtcp.push(Sent { at, leg, to, bytes });
    }

    fn fork_ready(&mut self, fork: ForkId) {
        self.ready.push(fork);
    }

    fn fork_dial(&mut self, fork: ForkId, dial: ForkDial) {
        self.dials.push((self.now, fork, dial));
    }

    fn event(&mut self, event: MediaEvent) {
        self.events.push((self.now, event));
    }

    fn record_samples(&mut self, record: RecordId, channels: usize, samples: &[i16]) {
        let place = self.samples.entry(record).or_default();
        place.0 = channels;
        place.1.extend(samples);
    }

    fn record_ended(&mut self, _leg: LegId, record: RecordId) {
        self.ended_records.push(record);
    }

    fn leg_stats(&mut self, stats: &LegStats) {
        self.stats.push(stats.clone());
    }
}
