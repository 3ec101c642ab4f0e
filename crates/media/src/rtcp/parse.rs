//! Reading a compound packet (RFC 3550 A.2).

use super::{
    CNAME, GOODBYE, RECEIVER_REPORT, ReportBlock, SENDER_REPORT, SOURCE_DESCRIPTION, SenderInfo,
};
use crate::reception::Report;
use crate::seq::{Ssrc, Timestamp};

/// One packet of a compound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item<'a> {
    SenderReport {
        ssrc: Ssrc,
        info: SenderInfo,
    },
    ReceiverReport {
        ssrc: Ssrc,
    },
    /// One block of the report before it.
    Block(ReportBlock),
    Name {
        ssrc: Ssrc,
        cname: &'a [u8],
    },
    Goodbye {
        ssrc: Ssrc,
    },
    Other {
        kind: u8,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an RTCP compound packet")]
pub struct Malformed;

/// Check the whole compound, then hand out its parts.
pub fn parse<'a>(datagram: &'a [u8], mut take: impl FnMut(Item<'a>)) -> Result<(), Malformed> {
    let mut rest = datagram;
    let mut first = true;
    while !rest.is_empty() {
        let Part { kind, after, .. } = split(rest)?;
        // A compound starts with a report, alone or not (§6.1); reduced-size packets (RFC 5506)
        // are never agreed here.
        if first && !matches!(kind, SENDER_REPORT | RECEIVER_REPORT) {
            return Err(Malformed);
        }
        first = false;
        rest = after;
    }
    if first {
        return Err(Malformed);
    }
    rest = datagram;
    while let Ok(part) = split(rest) {
        items(&part, &mut take);
        rest = part.after;
    }
    Ok(())
}

/// One packet of the compound.
struct Part<'a> {
    kind: u8,
    count: u8,
    body: &'a [u8],
    /// What follows it.
    after: &'a [u8],
}

fn split(bytes: &[u8]) -> Result<Part<'_>, Malformed> {
    let (head, rest) = bytes.split_first_chunk::<4>().ok_or(Malformed)?;
    let [first, kind, high, low] = *head;
    let length = usize::from(u16::from_be_bytes([high, low])) * 4;
    if first >> 6 != 2 || length > rest.len() {
        return Err(Malformed);
    }
    let (mut body, after) = rest.split_at(length);
    if first & 0x20 != 0 {
        // Only the last packet of a compound may be padded.
        let padding = body.last().copied().map_or(0, usize::from);
        if padding == 0 || padding > body.len() || !after.is_empty() {
            return Err(Malformed);
        }
        body = &body[..body.len() - padding];
    }
    Ok(Part {
        kind,
        count: first & 0x1F,
        body,
        after,
    })
}

fn items<'a>(part: &Part<'a>, take: &mut impl FnMut(Item<'a>)) {
    let Part {
        kind, count, body, ..
    } = *part;
    let Some((ssrc, rest)) = word(body) else {
        return;
    };
    let ssrc = Ssrc(ssrc);
    match kind {
        SENDER_REPORT => {
            let Some((info, blocks)) = sender_info(rest) else {
                return;
            };
            take(Item::SenderReport { ssrc, info });
            report_blocks(count, blocks, take);
        }
        RECEIVER_REPORT => {
            take(Item::ReceiverReport { ssrc });
            report_blocks(count, rest, take);
        }
        SOURCE_DESCRIPTION => names(count, body, take),
        GOODBYE => {
            for ssrc in body.chunks_exact(4).take(count.into()).filter_map(word) {
                take(Item::Goodbye { ssrc: Ssrc(ssrc.0) });
            }
        }
        kind => take(Item::Other { kind }),
    }
}

fn word(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*head), rest))
}

fn sender_info(bytes: &[u8]) -> Option<(SenderInfo, &[u8])> {
    let (ntp, rest) = bytes.split_first_chunk::<8>()?;
    let (timestamp, rest) = word(rest)?;
    let (packets, rest) = word(rest)?;
    let (octets, rest) = word(rest)?;
    let info = SenderInfo {
        ntp: u64::from_be_bytes(*ntp),
        timestamp: Timestamp(timestamp),
        packets,
        octets,
    };
    Some((info, rest))
}

fn report_blocks<'a>(count: u8, bytes: &'a [u8], take: &mut impl FnMut(Item<'a>)) {
    for block in bytes.chunks_exact(24).take(count.into()) {
        let mut words = block
            .chunks_exact(4)
            .filter_map(word)
            .map(|(value, _)| value);
        let mut next = || words.next().unwrap_or(0);
        let (ssrc, lost, highest_sequence, jitter) = (next(), next(), next(), next());
        take(Item::Block(ReportBlock {
            report: Report {
                ssrc: Ssrc(ssrc),
                fraction_lost: (lost >> 24) as u8,
                // 24 bits, signed.
                cumulative_lost: ((lost << 8) as i32) >> 8,
                highest_sequence,
                jitter,
            },
            last_sender_report: next(),
            delay: next(),
        }));
    }
}

fn names<'a>(count: u8, mut bytes: &'a [u8], take: &mut impl FnMut(Item<'a>)) {
    for _ in 0..count {
        let Some((ssrc, mut rest)) = word(bytes) else {
            return;
        };
        while let [kind @ 1..=255, length, tail @ ..] = rest {
            let Some((value, after)) = tail.split_at_checked((*length).into()) else {
                return;
            };
            if *kind == CNAME {
                take(Item::Name {
                    ssrc: Ssrc(ssrc),
                    cname: value,
                });
            }
            rest = after;
        }
        // The zero that ends a chunk, and those up to the next 32-bit boundary.
        let used = bytes.len() - rest.len();
        let Some(next) = bytes.get(used / 4 * 4 + 4..) else {
            return;
        };
        bytes = next;
    }
}
