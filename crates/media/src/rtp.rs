//! The RTP header (RFC 3550 §5.1), read from and written to bytes.

use crate::seq::{Seq, Ssrc, Timestamp};

/// Length of a header without CSRC list and extension, which is all we ever send.
pub const HEADER_LEN: usize = 12;

/// What we use of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: Seq,
    pub timestamp: Timestamp,
    pub ssrc: Ssrc,
}

/// A valid packet: its header and where in the datagram its payload lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    pub header: Header,
    /// Never below `HEADER_LEN`.
    pub start: usize,
    /// Never below `start` nor beyond the datagram.
    pub end: usize,
}

impl Packet {
    pub fn payload<'a>(&self, datagram: &'a [u8]) -> &'a [u8] {
        datagram.get(self.start..self.end).unwrap_or_default()
    }
}

/// Why a datagram is no RTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("shorter than an RTP header")]
    Short,
    #[error("not RTP version 2")]
    Version,
    #[error("header extension longer than the packet")]
    Extension,
    #[error("padding longer than the payload")]
    Padding,
}

/// RTCP multiplexed onto the RTP port: packet types 192–223 (RFC 5761 §4).
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [_, 192..=223, ..])
}

/// Where the payload starts, behind CSRC list and extension: never below `HEADER_LEN` nor beyond the
/// datagram.
pub fn payload_start(datagram: &[u8]) -> Result<usize, Malformed> {
    let (&[first, ..], _) = datagram
        .split_first_chunk::<HEADER_LEN>()
        .ok_or(Malformed::Short)?;
    if first >> 6 != 2 {
        return Err(Malformed::Version);
    }
    let mut start = HEADER_LEN + usize::from(first & 0x0F) * 4;
    if first & 0x10 != 0 {
        let words = match datagram.get(start..start + 4) {
            Some(&[_, _, high, low]) => usize::from(u16::from_be_bytes([high, low])),
            _ => return Err(Malformed::Extension),
        };
        start += 4 + words * 4;
    }
    if start > datagram.len() {
        return Err(Malformed::Extension);
    }
    Ok(start)
}

pub fn parse(datagram: &[u8]) -> Result<Packet, Malformed> {
    let start = payload_start(datagram)?;
    let (head, _) = datagram
        .split_first_chunk::<HEADER_LEN>()
        .ok_or(Malformed::Short)?;
    let [first, second, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3] = *head;
    let mut end = datagram.len();
    if first & 0x20 != 0 {
        let padding = datagram.last().copied().map_or(0, usize::from);
        if padding == 0 || padding > end - start {
            return Err(Malformed::Padding);
        }
        end -= padding;
    }
    Ok(Packet {
        header: Header {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7F,
            sequence: Seq(u16::from_be_bytes([s0, s1])),
            timestamp: Timestamp(u32::from_be_bytes([t0, t1, t2, t3])),
            ssrc: Ssrc(u32::from_be_bytes([r0, r1, r2, r3])),
        },
        start,
        end,
    })
}

pub fn write_header(out: &mut [u8; HEADER_LEN], header: &Header) {
    let [s0, s1] = header.sequence.0.to_be_bytes();
    let [t0, t1, t2, t3] = header.timestamp.0.to_be_bytes();
    let [r0, r1, r2, r3] = header.ssrc.0.to_be_bytes();
    let second = (u8::from(header.marker) << 7) | (header.payload_type & 0x7F);
    *out = [0x80, second, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3];
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAIN: [u8; 14] = [
        0x80, 0xE5, 0x12, 0x34, 0, 0, 0, 160, 0xDE, 0xAD, 0xBE, 0xEF, 7, 8,
    ];
    const HEADER: Header = Header {
        marker: true,
        payload_type: 101,
        sequence: Seq(0x1234),
        timestamp: Timestamp(160),
        ssrc: Ssrc(0xDEAD_BEEF),
    };

    #[test]
    fn a_plain_packet_both_ways() {
        let packet = parse(&PLAIN).unwrap();
        assert_eq!(packet.header, HEADER);
        assert_eq!(packet.payload(&PLAIN), [7, 8]);
        let mut out = [0; HEADER_LEN];
        write_header(&mut out, &HEADER);
        assert_eq!(out, PLAIN[..HEADER_LEN]);
    }

    #[test]
    fn csrcs_extension_and_padding_are_stepped_over() {
        let mut wire = PLAIN[..HEADER_LEN].to_vec();
        wire[0] = 0x80 | 0x20 | 0x10 | 2;
        wire.extend([1; 8]); // two CSRCs
        wire.extend([0xBE, 0xDE, 0, 1, 9, 9, 9, 9]); // one extension word
        wire.extend([5, 6, 0, 0, 3]); // payload and three bytes of padding
        let packet = parse(&wire).unwrap();
        assert_eq!(packet.payload(&wire), [5, 6]);
        assert_eq!(packet.header, HEADER);
    }

    #[test]
    fn what_is_no_rtp_is_named() {
        assert_eq!(parse(&PLAIN[..11]), Err(Malformed::Short));
        let mut wire = PLAIN;
        wire[0] = 0x40;
        assert_eq!(parse(&wire), Err(Malformed::Version));
        wire[0] = 0x90;
        assert_eq!(parse(&wire), Err(Malformed::Extension));
        wire[0] = 0x81;
        assert_eq!(parse(&wire), Err(Malformed::Extension));
        wire[0] = 0xA0;
        wire[13] = 3;
        assert_eq!(parse(&wire), Err(Malformed::Padding));
        wire[13] = 0;
        assert_eq!(parse(&wire), Err(Malformed::Padding));
    }

    #[test]
    fn rtcp_on_the_rtp_port_is_told_apart() {
        assert!(is_rtcp(&[0x81, 200, 0, 6]));
        assert!(!is_rtcp(&PLAIN));
        assert!(!is_rtcp(&[0x80]));
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_payload_inside_the_datagram(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(packet) = parse(&bytes) {
                prop_assert!(HEADER_LEN <= packet.start && packet.start <= packet.end && packet.end <= bytes.len());
            }
        }
    }
}
