use proptest::prelude::*;

use super::*;

/// The key of the well-known test packet of other implementations (RFC 3711 B.3 has the same).
const MASTER: [u8; 30] = [
    0xe1, 0xf9, 0x7a, 0x0d, 0x3e, 0x01, 0x8b, 0xe0, 0xd6, 0x4f, 0xa3, 0x2c, 0x06, 0xde, 0x41, 0x39,
    0x0e, 0xc6, 0x75, 0xad, 0x49, 0x8a, 0xfe, 0xeb, 0xb6, 0x96, 0x0b, 0x3a, 0xab, 0xe6,
];

fn pair() -> (Sealer, Opener) {
    let key = SrtpKey::new(MASTER);
    (Sealer::new(&key), Opener::new(&key))
}

fn packet(ssrc: u32, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 1, 2]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

#[test]
fn a_packet_is_sealed_as_others_do() {
    let (mut sealer, mut opener) = pair();
    let mut plain = vec![
        0x80, 0x0f, 0x12, 0x34, 0xde, 0xca, 0xfb, 0xad, 0xca, 0xfe, 0xba, 0xbe,
    ];
    plain.extend([0xab; 16]);
    let mut sealed = sealer.rtp(&plain).unwrap().to_vec();
    let expected = [
        0x4e, 0x55, 0xdc, 0x4c, 0xe7, 0x99, 0x78, 0xd8, 0x8c, 0xa4, 0xd2, 0x15, 0x94, 0x9d, 0x24,
        0x02, 0xb7, 0x8d, 0x6a, 0xcc, 0x99, 0xea, 0x17, 0x9b, 0x8d, 0xbb,
    ];
    assert_eq!(sealed[12..], expected);
    assert_eq!(sealed[..12], plain[..12]);
    assert_eq!(opener.rtp(&mut sealed).unwrap(), &plain[..]);
}

#[test]
fn a_repeated_packet_is_taken_once() {
    let (mut sealer, mut opener) = pair();
    let sealed = sealer.rtp(&packet(1, 7, b"hello")).unwrap().to_vec();
    assert!(opener.rtp(&mut sealed.clone()).is_some());
    assert!(opener.rtp(&mut sealed.clone()).is_none());
    let report = sealer
        .rtcp(&[0x80, 201, 0, 1, 0, 0, 0, 1])
        .unwrap()
        .to_vec();
    assert!(opener.rtcp(&mut report.clone()).is_some());
    assert!(opener.rtcp(&mut report.clone()).is_none());
}

#[test]
fn a_source_that_comes_back_is_no_new_one() {
    let (mut sealer, mut opener) = pair();
    let first = sealer.rtp(&packet(1, 7, b"a")).unwrap().to_vec();
    assert!(opener.rtp(&mut first.clone()).is_some());
    for ssrc in 2..5 {
        let (mut other, _) = pair();
        let mut sealed = other.rtp(&packet(ssrc, 9, b"b")).unwrap().to_vec();
        assert!(opener.rtp(&mut sealed).is_some());
    }
    assert!(opener.rtp(&mut first.clone()).is_none());
}

#[test]
fn a_stream_outlives_many_turns_of_its_sequence() {
    let (mut sealer, mut opener) = pair();
    for number in 0..140_000_u32 {
        let plain = packet(1, number as u16, &number.to_be_bytes());
        let mut sealed = sealer.rtp(&plain).unwrap().to_vec();
        // One in a hundred is lost.
        if number % 100 != 3 {
            assert_eq!(opener.rtp(&mut sealed).unwrap(), &plain[..], "{number}");
        }
    }
}

#[test]
fn a_key_that_stays_goes_on_and_a_new_one_begins() {
    let keys = |ours: u8, theirs: u8| SrtpKeys {
        ours: SrtpKey::new([ours; 30]),
        theirs: Some(SrtpKey::new([theirs; 30])),
    };
    let us = Srtp::renew(None, Some(&keys(1, 2)));
    let mut peer = Srtp::renew(None, Some(&keys(2, 1))).unwrap();
    let mut us = us.unwrap();
    let first = us.seal_rtp(&packet(1, 65_535, b"a")).unwrap().to_vec();
    assert!(peer.open_rtp(&mut first.clone()).is_some());
    let mut us = Srtp::renew(Some(us), Some(&keys(1, 2))).unwrap();
    let second = us.seal_rtp(&packet(1, 0, b"a")).unwrap().to_vec();
    assert!(peer.open_rtp(&mut second.clone()).is_some(), "rolled over");
    let mut us = Srtp::renew(Some(us), Some(&keys(3, 2))).unwrap();
    let third = us.seal_rtp(&packet(1, 1, b"a")).unwrap().to_vec();
    assert!(peer.open_rtp(&mut third.clone()).is_none(), "another key");
    assert!(Srtp::renew(Some(us), None).is_none());
}

proptest! {
    /// What comes out is what went in, and nothing that was touched on the way comes out at all.
    #[test]
    fn any_touch_is_noticed(
        payload in prop::collection::vec(any::<u8>(), 0..200),
        sequence: u16,
        ssrc: u32,
        at: prop::sample::Index,
        flip in 1..=255_u8,
    ) {
        let (mut sealer, mut opener) = pair();
        let plain = packet(ssrc, sequence, &payload);
        let sealed = sealer.rtp(&plain).unwrap().to_vec();
        let mut touched = sealed.clone();
        let at = at.index(touched.len());
        touched[at] ^= flip;
        prop_assert!(opener.rtp(&mut touched).is_none());
        prop_assert_eq!(opener.rtp(&mut sealed.clone()).map(|p| p.to_vec()), Some(plain));
        let compound = [&[0x80, 200, 0, 6][..], &ssrc.to_be_bytes(), &payload].concat();
        let sealed = sealer.rtcp(&compound).unwrap().to_vec();
        let mut touched = sealed.clone();
        let at = at.min(touched.len() - 1);
        touched[at] ^= flip;
        prop_assert!(opener.rtcp(&mut touched).is_none());
        prop_assert_eq!(opener.rtcp(&mut sealed.clone()).map(|p| p.to_vec()), Some(compound));
    }

    #[test]
    fn garbage_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let (_, mut opener) = pair();
        prop_assert!(opener.rtp(&mut bytes.clone()).is_none());
        prop_assert!(opener.rtcp(&mut bytes.clone()).is_none());
    }
}
