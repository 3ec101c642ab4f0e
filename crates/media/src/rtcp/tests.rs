use proptest::prelude::*;

use super::*;
use crate::reception::Report;
use crate::seq::{Ssrc, Timestamp};

fn all(datagram: &[u8]) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    parse(datagram, |item| items.push(item)).unwrap();
    items
}

const INFO: SenderInfo = SenderInfo {
    ntp: 0xE000_0000_8000_0000,
    timestamp: Timestamp(16_000),
    packets: 100,
    octets: 16_000,
};

const BLOCK: ReportBlock = ReportBlock {
    report: Report {
        ssrc: Ssrc(0x0BAD_CAFE),
        fraction_lost: 64,
        cumulative_lost: -2,
        highest_sequence: 0x0001_0005,
        jitter: 17,
    },
    last_sender_report: 0x1111_2222,
    delay: 65_536,
};

#[test]
fn a_sender_report_both_ways() {
    let mut wire = Vec::new();
    compose(
        &mut wire,
        &Outgoing {
            ssrc: Ssrc(7),
            sender: Some(INFO),
            block: Some(BLOCK),
            cname: "leg@bridgetap",
            goodbye: true,
        },
    );
    assert_eq!(wire.len() % 4, 0);
    assert_eq!(
        all(&wire),
        [
            Item::SenderReport {
                ssrc: Ssrc(7),
                info: INFO
            },
            Item::Block(BLOCK),
            Item::Name {
                ssrc: Ssrc(7),
                cname: b"leg@bridgetap"
            },
            Item::Goodbye { ssrc: Ssrc(7) },
        ]
    );
}

#[test]
fn an_empty_receiver_report_byte_by_byte() {
    let mut wire = Vec::new();
    compose(
        &mut wire,
        &Outgoing {
            ssrc: Ssrc(0x0102_0304),
            sender: None,
            block: None,
            cname: "ab",
            goodbye: false,
        },
    );
    assert_eq!(
        wire,
        [
            0x80, 201, 0, 1, 1, 2, 3, 4, // RR
            0x81, 202, 0, 3, 1, 2, 3, 4, 1, 2, b'a', b'b', 0, 0, 0, 0, // SDES
        ]
    );
    assert_eq!(all(&wire).len(), 2);
}

#[test]
fn what_is_no_compound_is_refused() {
    let refused = |wire: &[u8]| parse(wire, |_| panic!("handed out")).is_err();
    assert!(refused(&[]));
    assert!(refused(&[0x80, 201, 0]));
    assert!(refused(&[0x80, 201, 0, 2, 1, 2, 3, 4]), "cut short");
    assert!(refused(&[0x81, 202, 0, 1, 1, 2, 3, 4]), "no report first");
    assert!(refused(&[0x40, 201, 0, 1, 1, 2, 3, 4]), "version 1");
    assert!(
        refused(&[0xA0, 201, 0, 1, 1, 2, 3, 9]),
        "padding beyond the packet"
    );
}

#[test]
fn a_long_name_is_cut_at_a_character() {
    let mut wire = Vec::new();
    let cname = "é".repeat(200);
    compose(
        &mut wire,
        &Outgoing {
            ssrc: Ssrc(1),
            sender: None,
            block: None,
            cname: &cname,
            goodbye: false,
        },
    );
    let items = all(&wire);
    let Item::Name { cname, .. } = items[1] else {
        panic!("{items:?}")
    };
    assert_eq!(cname, "é".repeat(127).as_bytes());
}

#[test]
fn intervals_lie_where_rfc_3550_puts_them() {
    let mut dice = Dice::new(42);
    let mut sum = 0.0;
    for _ in 0..10_000 {
        let seconds = interval(&mut dice, 120, false).as_secs_f64();
        assert!((2.05..6.16).contains(&seconds), "{seconds}");
        sum += seconds;
        assert!(interval(&mut dice, 120, true).as_secs_f64() < 3.08);
    }
    assert!((sum / 10_000.0 - 5.0 / 1.21828).abs() < 0.1);
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes, |_| ());
    }

    #[test]
    fn damaged_compounds_are_parsed_or_refused(at in 0_usize..96, value: u8, cut in 0_usize..96) {
        let mut wire = Vec::new();
        compose(&mut wire, &Outgoing { ssrc: Ssrc(7), sender: Some(INFO), block: Some(BLOCK), cname: "leg", goodbye: true });
        let index = at % wire.len();
        wire[index] = value;
        wire.truncate(wire.len() - cut.min(wire.len()));
        let _ = parse(&wire, |_| ());
    }
}
