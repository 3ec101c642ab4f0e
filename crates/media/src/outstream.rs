//! The one RTP stream a party hears, whoever makes it: SSRC, sequence and timestamp go on
//! without a break through prompts, keys and other parties (RFC 3550 §5.1).
//!
//! A relayed source keeps its own spacing, loss and order: its numbers are shifted. At every
//! change of source the timestamp goes on by the real time that passed, with the marker set.

use std::time::Instant;

use crate::clock::{PER_MS, samples};
use crate::rtp::Header;
use crate::seq::{Seq, Ssrc, Timestamp};

/// A source's timestamp that moves this much against the clock has a new time base.
const JUMP: i64 = 8000;
/// The step when two packets follow each other in no time.
const LEAST_STEP: i64 = 160;

#[derive(Debug)]
pub struct OutStream {
    ssrc: Ssrc,
    /// Of the next packet we make.
    next: Seq,
    timestamp: Timestamp,
    /// When `timestamp` was sent; absent before the first packet.
    at: Option<Instant>,
    relayed: Option<Shift>,
    /// How long the last packet was, when it was audio of our own.
    own: Option<u32>,
    /// The timestamp of the key being sent.
    event: Timestamp,
    packets: u64,
    octets: u64,
}

/// How a relayed source's numbers become ours.
#[derive(Debug, Clone, Copy)]
struct Shift {
    ssrc: Ssrc,
    first: Seq,
    sequence: u16,
    timestamp: u32,
    newest: Timestamp,
    heard: Instant,
}

impl OutStream {
    pub fn new(ssrc: Ssrc, first_sequence: Seq, first_timestamp: Timestamp) -> Self {
        Self {
            ssrc,
            next: first_sequence,
            timestamp: first_timestamp,
            at: None,
            relayed: None,
            own: None,
            event: first_timestamp,
            packets: 0,
            octets: 0,
        }
    }

    pub fn ssrc(&self) -> Ssrc {
        self.ssrc
    }

    pub fn packets(&self) -> u64 {
        self.packets
    }

    pub fn octets(&self) -> u64 {
        self.octets
    }

    pub fn has_sent(&self) -> bool {
        self.at.is_some()
    }

    /// The timestamp that stands for `now` (for sender reports).
    pub fn timestamp_at(&self, now: Instant) -> Timestamp {
        self.timestamp.plus(self.elapsed(now) as u32)
    }

    /// Our header for a packet of another party. `fresh`: its numbering starts over. `None` when
    /// it was overtaken by the change to its source: its number is taken.
    pub fn relay(
        &mut self,
        now: Instant,
        incoming: &Header,
        fresh: bool,
        payload_type: u8,
    ) -> Option<Header> {
        let mut shift = self
            .relayed
            .filter(|shift| !fresh && shift.goes_on(now, incoming))
            .unwrap_or_else(|| self.shift_to(now, incoming));
        if incoming.sequence.since(shift.first) < 0 {
            return None;
        }
        let begins = self
            .relayed
            .is_none_or(|before| before.first != shift.first || before.ssrc != shift.ssrc);
        if incoming.timestamp.since(shift.newest) > 0 {
            shift.newest = incoming.timestamp;
        }
        shift.heard = now;
        // A long call walks past half the sequence numbers: keep the comparison near.
        if incoming.sequence.since(shift.first) > 0x2000 {
            shift.first = incoming.sequence.plus(0xF000);
        }
        self.relayed = Some(shift);
        self.own = None;
        let header = Header {
            marker: incoming.marker || begins,
            payload_type,
            sequence: incoming.sequence.plus(shift.sequence),
            timestamp: incoming.timestamp.plus(shift.timestamp),
            ssrc: self.ssrc,
        };
        self.note(now, &header);
        Some(header)
    }

    /// The header for audio of our own, `ticks` long; `follows` on the last without a break.
    pub fn own_audio(
        &mut self,
        now: Instant,
        payload_type: u8,
        ticks: u32,
        follows: bool,
    ) -> Header {
        let before = self.own.take().filter(|_| follows);
        let timestamp = match before {
            Some(before) => self.timestamp.plus(before),
            None => self.upcoming(now),
        };
        let header = self.own_header(now, payload_type, before.is_none(), timestamp);
        self.own = Some(ticks);
        header
    }

    /// The header for a telephone-event; all packets of one key carry the timestamp of its `first`
    /// (RFC 4733 §2.2.1).
    pub fn own_event(&mut self, now: Instant, payload_type: u8, first: bool) -> Header {
        if first {
            self.event = self.upcoming(now);
        }
        self.own = None;
        self.own_header(now, payload_type, first, self.event)
    }

    fn own_header(
        &mut self,
        now: Instant,
        payload_type: u8,
        marker: bool,
        timestamp: Timestamp,
    ) -> Header {
        self.relayed = None;
        let header = Header {
            marker,
            payload_type,
            sequence: self.next,
            timestamp,
            ssrc: self.ssrc,
        };
        self.note(now, &header);
        header
    }

    /// What is sent pauses or ends: the next packet is the first of a new source.
    pub fn break_off(&mut self) {
        self.relayed = None;
        self.own = None;
    }

    pub fn count(&mut self, payload_len: usize) {
        self.packets += 1;
        self.octets += payload_len as u64;
    }

    fn note(&mut self, now: Instant, header: &Header) {
        if header.sequence.since(self.next) >= 0 {
            self.next = header.sequence.plus(1);
        }
        if self.at.is_none() || header.timestamp.since(self.timestamp) > 0 {
            self.timestamp = header.timestamp;
            self.at = Some(now);
        }
    }

    fn shift_to(&self, now: Instant, incoming: &Header) -> Shift {
        let timestamp = self.upcoming(now);
        Shift {
            ssrc: incoming.ssrc,
            first: incoming.sequence,
            sequence: self.next.0.wrapping_sub(incoming.sequence.0),
            timestamp: timestamp.0.wrapping_sub(incoming.timestamp.0),
            newest: incoming.timestamp,
            heard: now,
        }
    }

    /// The timestamp of a new source's first packet.
    fn upcoming(&self, now: Instant) -> Timestamp {
        if self.has_sent() {
            self.timestamp
                .plus(self.elapsed(now).max(LEAST_STEP) as u32)
        } else {
            self.timestamp
        }
    }

    fn elapsed(&self, now: Instant) -> i64 {
        self.at.map_or(0, |at| {
            now.saturating_duration_since(at).as_micros() as i64 * PER_MS / 1000
        })
    }
}

impl Shift {
    fn goes_on(&self, now: Instant, incoming: &Header) -> bool {
        let ticks = i64::from(incoming.timestamp.since(self.newest));
        let waited = now.saturating_duration_since(self.heard);
        self.ssrc == incoming.ssrc && ticks > -JUMP && samples(ticks - JUMP) <= waited
    }
}

#[cfg(test)]
mod tests;
