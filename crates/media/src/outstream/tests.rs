use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn incoming(ssrc: u32, sequence: u16, timestamp: u32) -> Header {
    Header {
        marker: false,
        payload_type: 8,
        sequence: Seq(sequence),
        timestamp: Timestamp(timestamp),
        ssrc: Ssrc(ssrc),
    }
}

struct Rig {
    start: Instant,
    stream: OutStream,
}

impl Rig {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            stream: OutStream::new(Ssrc(7), Seq(65_530), Timestamp(u32::MAX - 400)),
        }
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    fn relay(&mut self, ms: u64, header: Header) -> Option<Header> {
        self.stream.relay(self.at(ms), &header, false, 0)
    }
}

#[test]
fn prompt_then_party_then_prompt_then_another_party_is_one_stream() {
    let mut rig = Rig::new();
    let mut sent = Vec::new();
    // A prompt of 100 ms.
    sent.push((0, rig.stream.own_audio(rig.at(0), 0, 160, false)));
    for n in 1..5 {
        sent.push((n * 20, rig.stream.own_audio(rig.at(n * 20), 0, 160, true)));
    }
    // A party, 37 ms later, with numbers of its own.
    for n in 0..5_u64 {
        let at = 117 + n * 20;
        let header = incoming(99, 1000 + n as u16, 5000 + 160 * n as u32);
        sent.push((at, rig.relay(at, header).unwrap()));
    }
    // A prompt again, after three seconds of nothing.
    sent.push((3200, rig.stream.own_audio(rig.at(3200), 0, 160, true)));
    sent.push((3220, rig.stream.own_audio(rig.at(3220), 0, 160, true)));
    // Another party.
    sent.push((3240, rig.relay(3240, incoming(55, 3, 9)).unwrap()));
    sent.push((3260, rig.relay(3260, incoming(55, 4, 169)).unwrap()));

    for pair in sent.windows(2) {
        let ((before_ms, before), (after_ms, after)) = (&pair[0], &pair[1]);
        assert_eq!(after.sequence.since(before.sequence), 1);
        assert_eq!(after.ssrc, Ssrc(7));
        let real = (after_ms - before_ms) as i32 * 8;
        assert_eq!(
            after.timestamp.since(before.timestamp),
            real,
            "at {after_ms}"
        );
    }
    let marked: Vec<u64> = sent
        .iter()
        .filter(|(_, h)| h.marker)
        .map(|(at, _)| *at)
        .collect();
    assert_eq!(marked, [0, 117, 3200, 3240]);
}

#[test]
fn a_relayed_source_keeps_its_loss_order_and_pauses() {
    let mut rig = Rig::new();
    let first = rig.relay(0, incoming(1, 10, 0)).unwrap();
    let overtaker = rig.relay(40, incoming(1, 12, 320)).unwrap();
    let overtaken = rig.relay(41, incoming(1, 11, 160)).unwrap();
    let lost_before = rig.relay(80, incoming(1, 14, 640)).unwrap();
    let paused = rig.relay(5080, incoming(1, 15, 40_640)).unwrap();
    let steps: Vec<i32> = [overtaker, overtaken, lost_before, paused]
        .iter()
        .map(|h| h.sequence.since(first.sequence))
        .collect();
    assert_eq!(steps, [2, 1, 4, 5]);
    assert_eq!(overtaken.timestamp.since(first.timestamp), 160);
    assert_eq!(paused.timestamp.since(first.timestamp), 40_640);
    assert!(!paused.marker, "the source did not mark it");
}

#[test]
fn one_overtaken_by_the_change_to_its_source_is_dropped() {
    let mut rig = Rig::new();
    rig.stream.own_audio(rig.at(0), 0, 160, false);
    rig.relay(20, incoming(1, 100, 16_000)).unwrap();
    assert_eq!(rig.relay(21, incoming(1, 99, 15_840)), None);
}

#[test]
fn a_new_time_base_of_a_source_is_bridged_over() {
    let mut rig = Rig::new();
    let before = rig.relay(0, incoming(1, 10, 1_000_000)).unwrap();
    let after = rig.relay(20, incoming(1, 11, 77)).unwrap();
    assert_eq!(after.timestamp.since(before.timestamp), 160);
    assert_eq!(after.sequence.since(before.sequence), 1);
    assert!(after.marker);
}

#[test]
fn an_event_keeps_its_timestamp_and_time_goes_on_after_it() {
    let mut rig = Rig::new();
    let first = rig.stream.own_event(rig.at(0), 101, true);
    for n in 1..7 {
        let again = rig.stream.own_event(rig.at(n * 20), 101, false);
        assert_eq!(again.timestamp, first.timestamp);
        assert_eq!(again.sequence.since(first.sequence), n as i32);
    }
    let audio = rig.stream.own_audio(rig.at(200), 0, 160, true);
    assert_eq!(audio.timestamp.since(first.timestamp), 1600);
}

#[test]
fn hours_of_one_source_keep_their_numbers() {
    let mut rig = Rig::new();
    let mut last = rig.relay(0, incoming(1, 0, 0)).unwrap();
    for n in 1..200_000_u32 {
        let header = incoming(1, n as u16, n.wrapping_mul(160));
        let sent = rig.relay(u64::from(n) * 20, header).unwrap();
        assert_eq!(sent.sequence.since(last.sequence), 1);
        assert!(!sent.marker);
        last = sent;
    }
}

proptest! {
    /// Whatever sources do, a number is never sent twice.
    #[test]
    fn sequence_numbers_never_repeat(
        steps in prop::collection::vec((0_u64..60, 0_u8..4, 0_u16..6, 0_u32..3), 1..200)
    ) {
        let mut rig = Rig::new();
        let mut seen = std::collections::HashSet::new();
        let mut at = 0;
        let mut newest = [1000_u16; 3];
        let mut given = std::collections::HashSet::new();
        for (wait, kind, back, ssrc) in steps {
            at += wait;
            let header = if kind == 0 {
                Some(rig.stream.own_audio(rig.at(at), 0, 160, at % 2 == 0))
            } else {
                let newest = &mut newest[ssrc as usize];
                *newest += 1;
                let sequence = *newest - back;
                // What a leg hears twice it does not relay.
                if !given.insert((ssrc, sequence)) {
                    continue;
                }
                rig.relay(at, incoming(ssrc, sequence, u32::from(sequence) * 160))
            };
            if let Some(header) = header {
                prop_assert!(seen.insert(header.sequence.0), "{} twice", header.sequence.0);
            }
        }
    }
}
