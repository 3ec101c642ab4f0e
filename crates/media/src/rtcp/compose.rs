//! Writing a compound packet: SR or RR, SDES with CNAME, and BYE at the end of a leg.

use super::{CNAME, GOODBYE, RECEIVER_REPORT, SENDER_REPORT, SOURCE_DESCRIPTION};
use crate::reception::Report;
use crate::seq::{Ssrc, Timestamp};

/// What a compound packet of ours says.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    pub ssrc: Ssrc,
    /// Present when we sent since the last report: then it is an SR, else an RR (§6.4).
    pub sender: Option<SenderInfo>,
    pub block: Option<ReportBlock>,
    pub cname: &'a str,
    pub goodbye: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    pub ntp: u64,
    pub timestamp: Timestamp,
    pub packets: u32,
    pub octets: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlock {
    pub report: Report,
    /// Middle of the NTP timestamp of the last SR heard, or 0.
    pub last_sender_report: u32,
    /// Time since then in units of 1/65536 s, or 0.
    pub delay: u32,
}

pub fn compose(out: &mut Vec<u8>, what: &Outgoing<'_>) {
    let start = begin(
        out,
        u8::from(what.block.is_some()),
        if what.sender.is_some() {
            SENDER_REPORT
        } else {
            RECEIVER_REPORT
        },
    );
    out.extend(what.ssrc.0.to_be_bytes());
    if let Some(sender) = &what.sender {
        out.extend(sender.ntp.to_be_bytes());
        out.extend(sender.timestamp.0.to_be_bytes());
        out.extend(sender.packets.to_be_bytes());
        out.extend(sender.octets.to_be_bytes());
    }
    if let Some(block) = &what.block {
        let report = &block.report;
        out.extend(report.ssrc.0.to_be_bytes());
        let [_, lost @ ..] = report.cumulative_lost.to_be_bytes();
        out.push(report.fraction_lost);
        out.extend(lost);
        out.extend(report.highest_sequence.to_be_bytes());
        out.extend(report.jitter.to_be_bytes());
        out.extend(block.last_sender_report.to_be_bytes());
        out.extend(block.delay.to_be_bytes());
    }
    finish(out, start);

    let start = begin(out, 1, SOURCE_DESCRIPTION);
    out.extend(what.ssrc.0.to_be_bytes());
    let cname = shortened(what.cname);
    out.extend([CNAME, cname.len() as u8]);
    out.extend(cname.as_bytes());
    // One to four zeros end the chunk on a 32-bit boundary (§6.5).
    let zeros = 4 - (out.len() - start) % 4;
    out.extend(std::iter::repeat_n(0, zeros));
    finish(out, start);

    if what.goodbye {
        let start = begin(out, 1, GOODBYE);
        out.extend(what.ssrc.0.to_be_bytes());
        finish(out, start);
    }
}

/// SDES items hold at most 255 bytes.
fn shortened(text: &str) -> &str {
    let mut end = text.len().min(255);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn begin(out: &mut Vec<u8>, count: u8, kind: u8) -> usize {
    let start = out.len();
    out.extend([0x80 | count, kind, 0, 0]);
    start
}

/// Write the length in 32-bit words less one.
fn finish(out: &mut [u8], start: usize) {
    let words = ((out.len() - start) / 4).saturating_sub(1) as u16;
    if let Some(length) = out.get_mut(start + 2..start + 4) {
        length.copy_from_slice(&words.to_be_bytes());
    }
}
