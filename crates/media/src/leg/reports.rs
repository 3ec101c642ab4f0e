//! A leg's RTCP: when to report, what to say, and what the peer's reports tell.

use std::net::SocketAddr;
use std::time::Instant;

use crate::outstream::OutStream;
use crate::reception::Reception;
use crate::rtcp::{self, Dice, Item, Outgoing, ReportBlock, SenderInfo};

#[derive(Debug)]
pub struct Reports {
    dice: Dice,
    pub due: Option<Instant>,
    /// Packets sent at the last report.
    sent_before: u64,
    /// The last sender report heard: the middle of its NTP timestamp, and when.
    heard: Option<(u32, Instant)>,
    /// Where the peer's RTCP comes from.
    pub source: Option<SocketAddr>,
    average: usize,
}

impl Reports {
    pub fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            due: None,
            sent_before: 0,
            heard: None,
            source: None,
            average: 120,
        }
    }

    /// The leg is in use: report from now on.
    pub fn begin(&mut self, now: Instant) {
        if self.due.is_none() {
            self.due = Some(now + rtcp::interval(&mut self.dice, self.average, true));
        }
    }

    pub fn schedule(&mut self, now: Instant) {
        self.due = Some(now + rtcp::interval(&mut self.dice, self.average, false));
    }

    /// Read a compound packet.
    pub fn receive(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), rtcp::Malformed> {
        let mut heard = None;
        rtcp::parse(datagram, |item| {
            if let Item::SenderReport { info, .. } = item {
                heard = Some((rtcp::middle(info.ntp), now));
            }
        })?;
        self.source = Some(from);
        self.heard = heard.or(self.heard);
        Ok(())
    }

    /// Write what is to be said now. `ntp`: `now` as an NTP timestamp.
    pub fn compose(
        &mut self,
        now: Instant,
        ntp: u64,
        stream: &OutStream,
        reception: &mut Reception,
        what: (&str, bool),
        out: &mut Vec<u8>,
    ) {
        let (cname, goodbye) = what;
        let sent = stream.packets() > self.sent_before;
        self.sent_before = stream.packets();
        let (last_sender_report, delay) = self.heard.map_or((0, 0), |(middle, at)| {
            let delay = now.saturating_duration_since(at).as_secs_f64() * 65_536.0;
            (middle, delay as u32)
        });
        let before = out.len();
        rtcp::compose(
            out,
            &Outgoing {
                ssrc: stream.ssrc(),
                sender: sent.then(|| SenderInfo {
                    ntp,
                    timestamp: stream.timestamp_at(now),
                    packets: stream.packets() as u32,
                    octets: stream.octets() as u32,
                }),
                block: reception.report().map(|report| ReportBlock {
                    report,
                    last_sender_report,
                    delay,
                }),
                cname,
                goodbye,
            },
        );
        // RFC 3550 §6.3.3, with the headers of UDP and IP.
        self.average = (self.average * 15 + out.len() - before + 28) / 16;
    }
}
