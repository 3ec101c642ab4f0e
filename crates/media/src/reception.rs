//! What we know of one incoming RTP stream: loss, duplicates, order, jitter (RFC 3550 A.1, A.3, A.8).

use std::time::Instant;

use crate::rtp::Header;
use crate::seq::{Seq, Ssrc};

/// A forward jump beyond this many packets is a restart, not a loss (RFC 3550 A.1).
const MAX_DROPOUT: i32 = 3000;
/// A packet older than this is a restart, not one that was overtaken (RFC 3550 A.1).
const MAX_MISORDER: i32 = 100;

/// How a packet fits the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The first of a new stream: first of all, new SSRC, or a restarted sequence.
    First,
    /// Later than all before; `missing` packets lie between.
    Next { missing: u32 },
    /// Was overtaken.
    Reordered,
    /// Came before; not to be used again.
    Duplicate,
    /// Far away from the sequence. Used only if the next one follows it.
    Stray,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    pub packets: u64,
    pub bytes: u64,
    pub duplicated: u64,
    pub reordered: u64,
}

/// One report block's worth of figures (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    pub ssrc: Ssrc,
    pub fraction_lost: u8,
    /// 24 bits signed on the wire.
    pub cumulative_lost: i32,
    pub highest_sequence: u32,
    pub jitter: u32,
}

#[derive(Debug, Default)]
pub struct Reception {
    stream: Option<Stream>,
    counters: Counters,
    /// Losses of streams that came before this one.
    lost_before: u64,
}

#[derive(Debug)]
struct Stream {
    ssrc: Ssrc,
    base: u32,
    highest: Seq,
    cycles: u32,
    /// Bit n: the packet n before the highest has come.
    seen: u128,
    received: u32,
    expected_prior: u32,
    received_prior: u32,
    /// Where a restarted sequence would go on.
    restart: Option<Seq>,
    transit: i64,
    /// Jitter in timestamp units times 16, as in A.8.
    jitter: u64,
}

impl Reception {
    /// Take note of a packet from the locked peer.
    pub fn receive(
        &mut self,
        now: Instant,
        epoch: Instant,
        header: &Header,
        payload_len: usize,
    ) -> Arrival {
        let arrival = self.place(header);
        if matches!(arrival, Arrival::Stray) {
            return arrival;
        }
        self.counters.packets += 1;
        self.counters.bytes += payload_len as u64;
        match arrival {
            Arrival::Duplicate => self.counters.duplicated += 1,
            Arrival::Reordered => self.counters.reordered += 1,
            _ => {}
        }
        let ticks = now.saturating_duration_since(epoch).as_micros() as i64 / 125;
        if let Some(stream) = &mut self.stream {
            stream.note_transit(arrival, ticks, header);
        }
        arrival
    }

    fn place(&mut self, header: &Header) -> Arrival {
        let sequence = header.sequence;
        let Some(stream) = self.stream.as_mut().filter(|s| s.ssrc == header.ssrc) else {
            self.start(header);
            return Arrival::First;
        };
        let step = sequence.since(stream.highest);
        if step > MAX_DROPOUT || step <= -MAX_MISORDER {
            if stream.restart == Some(sequence) {
                self.start(header);
                return Arrival::First;
            }
            stream.restart = Some(sequence.plus(1));
            return Arrival::Stray;
        }
        stream.restart = None;
        if step > 0 {
            if sequence.0 < stream.highest.0 {
                stream.cycles = stream.cycles.wrapping_add(1 << 16);
            }
            stream.highest = sequence;
            stream.seen = if step < 128 {
                (stream.seen << step) | 1
            } else {
                1
            };
            stream.received += 1;
            return Arrival::Next {
                missing: step as u32 - 1,
            };
        }
        let bit = 1_u128 << -step;
        if stream.seen & bit != 0 {
            return Arrival::Duplicate;
        }
        stream.seen |= bit;
        stream.received += 1;
        Arrival::Reordered
    }

    fn start(&mut self, header: &Header) {
        self.lost_before += self.stream.as_ref().map_or(0, Stream::lost);
        self.stream = Some(Stream {
            ssrc: header.ssrc,
            base: u32::from(header.sequence.0),
            highest: header.sequence,
            cycles: 0,
            // What lies before the first packet was never expected: a straggler is new once.
            seen: 1,
            received: 1,
            expected_prior: 0,
            received_prior: 0,
            restart: None,
            transit: 0,
            jitter: 0,
        });
    }

    pub fn counters(&self) -> Counters {
        self.counters
    }

    pub fn lost(&self) -> u64 {
        self.lost_before + self.stream.as_ref().map_or(0, Stream::lost)
    }

    pub fn jitter_ms(&self) -> f64 {
        self.stream
            .as_ref()
            .map_or(0.0, |s| s.jitter as f64 / 16.0 / 8.0)
    }

    /// The figures since the last report (RFC 3550 A.3).
    pub fn report(&mut self) -> Option<Report> {
        let stream = self.stream.as_mut()?;
        let expected = stream.expected();
        let expected_now = expected.wrapping_sub(stream.expected_prior);
        let received_now = stream.received.wrapping_sub(stream.received_prior);
        stream.expected_prior = expected;
        stream.received_prior = stream.received;
        let lost_now = i64::from(expected_now) - i64::from(received_now);
        let fraction_lost = if expected_now == 0 || lost_now <= 0 {
            0
        } else {
            ((lost_now << 8) / i64::from(expected_now)).min(255) as u8
        };
        let lost = i64::from(expected) - i64::from(stream.received);
        Some(Report {
            ssrc: stream.ssrc,
            fraction_lost,
            cumulative_lost: lost.clamp(-0x80_0000, 0x7F_FFFF) as i32,
            highest_sequence: stream.cycles | u32::from(stream.highest.0),
            jitter: (stream.jitter / 16) as u32,
        })
    }
}

impl Stream {
    fn expected(&self) -> u32 {
        (self.cycles | u32::from(self.highest.0))
            .wrapping_sub(self.base)
            .wrapping_add(1)
    }

    fn lost(&self) -> u64 {
        u64::from(self.expected().saturating_sub(self.received))
    }

    fn note_transit(&mut self, arrival: Arrival, ticks: i64, header: &Header) {
        // The difference of two transits fits 32 bits whatever the timestamp's offset.
        let transit = ticks.wrapping_sub(i64::from(header.timestamp.0));
        if matches!(arrival, Arrival::Next { .. } | Arrival::Reordered) {
            let difference = u64::from((transit.wrapping_sub(self.transit) as i32).unsigned_abs());
            // A timestamp jump is a new talker, not jitter.
            if difference < 8000 {
                self.jitter = (self.jitter + difference).saturating_sub((self.jitter + 8) >> 4);
            }
        }
        self.transit = transit;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::seq::Timestamp;

    fn header(ssrc: u32, sequence: u16) -> Header {
        Header {
            marker: false,
            payload_type: 0,
            sequence: Seq(sequence),
            timestamp: Timestamp(u32::from(sequence).wrapping_mul(160)),
            ssrc: Ssrc(ssrc),
        }
    }

    fn feed(sequences: &[u16]) -> (Reception, Vec<Arrival>) {
        let epoch = Instant::now();
        let mut reception = Reception::default();
        let arrivals = sequences
            .iter()
            .map(|&s| reception.receive(epoch, epoch, &header(1, s), 160))
            .collect();
        (reception, arrivals)
    }

    #[test]
    fn order_loss_and_doubles_over_the_wrap() {
        let (mut reception, arrivals) = feed(&[65534, 65535, 2, 1, 1, 3]);
        assert_eq!(
            arrivals,
            [
                Arrival::First,
                Arrival::Next { missing: 0 },
                Arrival::Next { missing: 2 },
                Arrival::Reordered,
                Arrival::Duplicate,
                Arrival::Next { missing: 0 },
            ]
        );
        assert_eq!(reception.lost(), 1);
        let counters = reception.counters();
        assert_eq!(
            (counters.packets, counters.duplicated, counters.reordered),
            (6, 1, 1)
        );
        let report = reception.report().unwrap();
        assert_eq!(report.cumulative_lost, 1);
        assert_eq!(report.fraction_lost, (256 / 6) as u8);
        assert_eq!(report.highest_sequence, (1 << 16) | 3);
        assert_eq!(reception.report().unwrap().fraction_lost, 0);
    }

    #[test]
    fn a_restarted_sequence_is_taken_at_its_second_packet() {
        let (reception, arrivals) = feed(&[10, 11, 40000, 12, 50000, 50001, 50002]);
        assert_eq!(
            arrivals[2..],
            [
                Arrival::Stray,
                Arrival::Next { missing: 0 },
                Arrival::Stray,
                Arrival::First,
                Arrival::Next { missing: 0 },
            ]
        );
        assert_eq!(reception.lost(), 0);
    }

    #[test]
    fn a_new_source_starts_afresh_and_losses_add_up() {
        let epoch = Instant::now();
        let mut reception = Reception::default();
        for (ssrc, sequence) in [(1, 1), (1, 5), (2, 900), (2, 902)] {
            reception.receive(epoch, epoch, &header(ssrc, sequence), 160);
        }
        assert_eq!(reception.lost(), 3 + 1);
        assert_eq!(reception.report().map(|r| r.ssrc), Some(Ssrc(2)));
    }

    #[test]
    fn jitter_follows_the_formula() {
        let epoch = Instant::now();
        let mut reception = Reception::default();
        let mut expected = 0.0_f64;
        let mut last = 0_i64;
        for n in 0..200_u16 {
            let delay_ms = i64::from(n % 5) * 4;
            let at = epoch + Duration::from_millis(u64::from(n) * 20 + delay_ms as u64);
            reception.receive(at, epoch, &header(1, n), 160);
            if n > 0 {
                expected += ((delay_ms - last).abs() as f64 - expected) / 16.0;
            }
            last = delay_ms;
        }
        assert!(
            (reception.jitter_ms() - expected).abs() < 0.1,
            "{} {expected}",
            reception.jitter_ms()
        );
    }
}
