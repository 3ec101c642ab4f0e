//! The pcap format (draft-ietf-opsawg-pcap, LINKTYPE_RAW). Pure.
//!
//! What came over TCP or TLS is written as UDP too: one message a packet, readable without the
//! stream around it or its keys.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

const LINKTYPE_RAW: u32 = 101;
const SNAP_LEN: u32 = 65_535;
const UDP: u8 = 17;
const UDP_HEADER: usize = 8;

/// What stands first in the file.
pub fn file_header() -> Vec<u8> {
    let mut out = Vec::with_capacity(24);
    out.extend(0xa1b2_c3d4_u32.to_le_bytes());
    out.extend(2_u16.to_le_bytes());
    out.extend(4_u16.to_le_bytes());
    out.extend([0; 8]); // time zone and accuracy, always zero
    out.extend(SNAP_LEN.to_le_bytes());
    out.extend(LINKTYPE_RAW.to_le_bytes());
    out
}

/// One message, sent at `since_1970`. A message too long for an IP packet is cut.
pub fn record(since_1970: Duration, from: SocketAddr, to: SocketAddr, message: &[u8]) -> Vec<u8> {
    let (from_ip, to_ip) = one_family(from.ip(), to.ip());
    let ip_header = if from_ip.is_ipv4() { 20 } else { 40 };
    let room = usize::from(u16::MAX) - ip_header - UDP_HEADER;
    let payload = message.get(..room).unwrap_or(message);
    let udp_len = (UDP_HEADER + payload.len()) as u16;
    let packet_len = ip_header as u32 + u32::from(udp_len);

    let mut out = Vec::with_capacity(16 + packet_len as usize);
    out.extend((since_1970.as_secs() as u32).to_le_bytes());
    out.extend(since_1970.subsec_micros().to_le_bytes());
    out.extend(packet_len.to_le_bytes());
    out.extend(packet_len.to_le_bytes());
    ip(&mut out, from_ip, to_ip, udp_len);
    out.extend(from.port().to_be_bytes());
    out.extend(to.port().to_be_bytes());
    out.extend(udp_len.to_be_bytes());
    let checksum_at = out.len();
    out.extend([0; 2]);
    out.extend(payload);
    // Optional over IPv4 but not over IPv6 (RFC 8200 §8.1); zero is sent as all ones.
    let udp = out.get(checksum_at - 6..).unwrap_or_default();
    let sum = checksum(udp, pseudo_header(from_ip, to_ip, udp_len));
    let sum = if sum == 0 { 0xffff } else { sum };
    if let Some(place) = out.get_mut(checksum_at..checksum_at + 2) {
        place.copy_from_slice(&sum.to_be_bytes());
    }
    out
}

fn ip(out: &mut Vec<u8>, from: IpAddr, to: IpAddr, udp_len: u16) {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let mut header = Vec::with_capacity(20);
            header.extend([0x45, 0]);
            header.extend((20 + udp_len).to_be_bytes());
            header.extend([0, 0, 0x40, 0, 64, UDP, 0, 0]); // don't fragment, TTL 64
            header.extend(from.octets());
            header.extend(to.octets());
            let sum = checksum(&header, 0).to_be_bytes();
            header.splice(10..12, sum);
            out.extend(header);
        }
        (from, to) => {
            out.extend([0x60, 0, 0, 0]);
            out.extend(udp_len.to_be_bytes());
            out.extend([UDP, 64]);
            out.extend(v6(from));
            out.extend(v6(to));
        }
    }
}

fn pseudo_header(from: IpAddr, to: IpAddr, udp_len: u16) -> u32 {
    let addresses = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => words(&from.octets()) + words(&to.octets()),
        (from, to) => words(&v6(from)) + words(&v6(to)),
    };
    addresses + u32::from(UDP) + u32::from(udp_len)
}

/// The Internet checksum (RFC 1071), beginning with `sum`.
fn checksum(bytes: &[u8], sum: u32) -> u16 {
    let mut sum = sum + words(bytes);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn words(bytes: &[u8]) -> u32 {
    let word = |pair: &[u8]| {
        u32::from(pair.first().copied().unwrap_or(0)) << 8
            | u32::from(pair.get(1).copied().unwrap_or(0))
    };
    bytes.chunks(2).map(word).sum()
}

/// Both in one family: a wildcard's and a mapped address may meet a plain one.
fn one_family(a: IpAddr, b: IpAddr) -> (IpAddr, IpAddr) {
    let (a, b) = (a.to_canonical(), b.to_canonical());
    if a.is_ipv4() == b.is_ipv4() {
        (a, b)
    } else {
        (IpAddr::V6(v6(a).into()), IpAddr::V6(v6(b).into()))
    }
}

fn v6(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AT: Duration = Duration::new(1_700_000_000, 123_456_000);

    /// Reads a record the way a capture reader does; checks every length and checksum.
    fn read(record: &[u8]) -> (SocketAddr, SocketAddr, Vec<u8>) {
        let le = |at: usize| u32::from_le_bytes(record[at..at + 4].try_into().unwrap());
        assert_eq!((le(0), le(4)), (1_700_000_000, 123_456));
        assert_eq!(le(8), le(12));
        let packet = &record[16..];
        assert_eq!(packet.len(), le(8) as usize);
        let be = |bytes: &[u8], at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let (from, to, udp): (IpAddr, IpAddr, &[u8]) = match packet[0] >> 4 {
            4 => {
                assert_eq!(be(packet, 2) as usize, packet.len());
                assert_eq!(checksum(&packet[..20], 0), 0);
                let ip =
                    |at: usize| IpAddr::from(<[u8; 4]>::try_from(&packet[at..at + 4]).unwrap());
                (ip(12), ip(16), &packet[20..])
            }
            6 => {
                assert_eq!(be(packet, 4) as usize + 40, packet.len());
                let ip =
                    |at: usize| IpAddr::from(<[u8; 16]>::try_from(&packet[at..at + 16]).unwrap());
                (ip(8), ip(24), &packet[40..])
            }
            version => panic!("IP version {version}"),
        };
        assert_eq!(be(udp, 4) as usize, udp.len());
        assert_eq!(checksum(udp, pseudo_header(from, to, be(udp, 4))), 0);
        (
            SocketAddr::new(from, be(udp, 0)),
            SocketAddr::new(to, be(udp, 2)),
            udp[8..].to_vec(),
        )
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn both_families_and_their_mixture_are_readable() {
        let cases = [
            ("192.0.2.1:5060", "198.51.100.7:40000", "192.0.2.1:5060"),
            (
                "[2001:db8::1]:5060",
                "[2001:db8::2]:5061",
                "[2001:db8::1]:5060",
            ),
            (
                "[::ffff:192.0.2.1]:5060",
                "198.51.100.7:1",
                "192.0.2.1:5060",
            ),
            (
                "192.0.2.1:5060",
                "[2001:db8::2]:5061",
                "[::ffff:192.0.2.1]:5060",
            ),
        ];
        for (from, to, seen_from) in cases {
            let (seen, seen_to, payload) =
                read(&record(AT, address(from), address(to), b"OPTIONS"));
            assert_eq!(seen, address(seen_from));
            assert_eq!(seen_to, address(to));
            assert_eq!(payload, b"OPTIONS");
        }
    }

    #[test]
    fn what_is_longer_than_a_packet_is_cut() {
        for to in ["192.0.2.1:5060", "[2001:db8::2]:5061"] {
            let (_, _, payload) = read(&record(AT, address(to), address(to), &[7; 70_000]));
            assert!((65_480..65_536).contains(&payload.len()));
        }
    }

    proptest! {
        #[test]
        fn any_payload_survives(payload: Vec<u8>, from: [u8; 16], port: u16) {
            let from = SocketAddr::new(IpAddr::from(from), port);
            let (_, _, seen) = read(&record(AT, from, from, &payload));
            prop_assert_eq!(seen, payload);
        }
    }
}
