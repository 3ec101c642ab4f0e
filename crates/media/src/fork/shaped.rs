//! The frames of a stream whose shape is not Twilio's: base64 in JSON, or binary behind a header.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::json::number;
use super::kept::Message;
use super::messages::Messages;
use super::shape::Framing;
use super::shaper::Content;
use super::{Composed, Fork, ForkFrame, Rings};
use crate::clock::CHUNK_MS;
use crate::config::Track;

/// The header of a binary frame, all fields little-endian:
///
/// | at | bytes | |
/// |---|---|---|
/// | 0 | 1 | version, 1 |
/// | 1 | 1 | 0 inbound, 1 outbound, 2 stereo, 3 mixed |
/// | 2 | 2 | length of this header, 32: what a later version adds comes after |
/// | 4 | 4 | chunk |
/// | 8 | 8 | sequence number |
/// | 16 | 8 | timestamp, ms |
/// | 24 | 8 | wall clock, ms since 1970; 0 where the stream has none |
pub const HEADER: usize = 32;
const VERSION: u8 = 1;

/// One frame's numbers.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    pub sequence: u64,
    pub content: Content,
    pub chunk: u64,
    pub timestamp_ms: u64,
    pub wall_ms: Option<u64>,
}

impl Fork {
    /// Append the next frame of a shaped stream.
    pub(super) fn next_shaped(&mut self, rings: &Rings, out: &mut Vec<u8>) -> Option<Composed> {
        let shaper = self.shaper.as_deref_mut()?;
        let cut = shaper.next(&self.tracks, &self.reader, rings)?;
        let end_ms = cut.span.end * CHUNK_MS;
        let long = cut.span.end - cut.span.start;
        let shaped = shaper.take(&cut, &mut self.reader, rings);
        self.sequence += 1;
        let stamp = Stamp {
            sequence: self.sequence,
            content: cut.content,
            chunk: self.reader.count(cut.content.tracks()),
            timestamp_ms: end_ms.saturating_sub(self.origin_ms),
            wall_ms: self.wall_ms(end_ms),
        };
        let payload = self.shaper.as_deref()?.payload();
        let frame = match self.shape.framing {
            Framing::Json => {
                self.messages.shaped(out, &stamp, payload);
                ForkFrame::Media
            }
            Framing::Binary => {
                binary(out, &stamp, payload);
                ForkFrame::Binary
            }
        };
        let mut chunks = [0, 0];
        for &track in cut.content.tracks() {
            chunks[track as usize] = u8::try_from(long).unwrap_or(u8::MAX);
        }
        Some(Composed {
            message: Message {
                frame,
                chunks,
                clock_ms: end_ms,
                arrived: shaped.arrived,
                repaired: shaped.filled,
            },
            chunks: shaped.chunks,
        })
    }
}

fn binary(out: &mut Vec<u8>, stamp: &Stamp, payload: &[u8]) {
    let content = match stamp.content {
        Content::One(Track::Inbound) => 0,
        Content::One(Track::Outbound) => 1,
        Content::Stereo => 2,
        Content::Mixed => 3,
    };
    out.extend_from_slice(&[VERSION, content]);
    out.extend_from_slice(&(HEADER as u16).to_le_bytes());
    out.extend_from_slice(&(stamp.chunk as u32).to_le_bytes());
    out.extend_from_slice(&stamp.sequence.to_le_bytes());
    out.extend_from_slice(&stamp.timestamp_ms.to_le_bytes());
    out.extend_from_slice(&stamp.wall_ms.unwrap_or(0).to_le_bytes());
    out.extend_from_slice(payload);
}

impl Messages {
    /// A `media` message of a shaped stream.
    pub fn shaped(&self, out: &mut Vec<u8>, stamp: &Stamp, payload: &[u8]) {
        out.extend_from_slice(br#"{"event":"media","sequenceNumber":""#);
        number(out, stamp.sequence);
        out.extend_from_slice(br#"","media":{"track":""#);
        out.extend_from_slice(stamp.content.name().as_bytes());
        out.extend_from_slice(br#"","chunk":""#);
        number(out, stamp.chunk);
        out.extend_from_slice(br#"","timestamp":""#);
        number(out, stamp.timestamp_ms);
        if let Some(wall_ms) = stamp.wall_ms {
            out.extend_from_slice(br#"","wallClock":""#);
            number(out, wall_ms);
        }
        out.extend_from_slice(br#"","payload":""#);
        let start = out.len();
        out.resize(start + payload.len().div_ceil(3) * 4, b'=');
        if let Some(room) = out.get_mut(start..) {
            // The room is exact, so this cannot fail.
            let _ = STANDARD.encode_slice(payload, room);
        }
        self.media_end(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp {
        sequence: 0x0102_0304_0506,
        content: Content::Stereo,
        chunk: 7,
        timestamp_ms: 1000,
        wall_ms: Some(1_795_000_000_123),
    };

    #[test]
    fn a_golden_binary_frame() {
        let mut out = Vec::new();
        binary(&mut out, &STAMP, b"audio");
        assert_eq!(
            out,
            [
                b"\x01\x02\x20\x00\x07\x00\x00\x00".as_slice(),
                b"\x06\x05\x04\x03\x02\x01\x00\x00",
                b"\xe8\x03\x00\x00\x00\x00\x00\x00",
                b"\x7b\x5e\x56\xee\xa1\x01\x00\x00",
                b"audio",
            ]
            .concat()
        );
        assert_eq!(out.len(), HEADER + 5);
        let unstamped = Stamp {
            wall_ms: None,
            content: Content::One(Track::Outbound),
            ..STAMP
        };
        out.clear();
        binary(&mut out, &unstamped, b"");
        assert_eq!((out[1], &out[24..]), (1, [0; 8].as_slice()));
    }
}
