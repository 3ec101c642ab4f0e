use proptest::prelude::*;

use super::*;
use crate::clock::CHUNK;
use crate::g711::ULAW_SILENCE;

mod hour;
mod slips;

const PATIENCE: Patience = Patience {
    reorder: Duration::from_millis(40),
    tolerance: Duration::from_millis(20),
};

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// What came out: index, first byte, last byte, filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Out {
    index: u64,
    first: u8,
    last: u8,
    filled: u16,
}

struct Rig {
    start: Instant,
    timeline: Timeline,
    out: Vec<Out>,
    /// Every chunk, when wanted.
    audio: Option<Vec<u8>>,
}

impl Rig {
    fn new() -> Self {
        let start = Instant::now();
        Self {
            start,
            timeline: Timeline::new(CallClock::new(start), start, PATIENCE),
            out: Vec::new(),
            audio: None,
        }
    }

    /// Let the clock run to `at`, then receive.
    fn push(&mut self, at: Duration, sequence: u16, timestamp: u32, audio: &[u8]) {
        self.run_to(at);
        let Self {
            start,
            timeline,
            out,
            audio: all,
        } = self;
        let piece = Piece {
            sequence: Seq(sequence),
            timestamp: Timestamp(timestamp),
            audio,
        };
        timeline.push(*start + at, piece, &mut |chunk| keep(out, all, chunk));
    }

    fn run_to(&mut self, at: Duration) {
        let Self {
            start,
            timeline,
            out,
            audio,
        } = self;
        while timeline.next_timeout() <= *start + at {
            let due = timeline.next_timeout();
            timeline.handle_timeout(due, &mut |chunk| keep(out, audio, chunk));
        }
    }

    fn firsts(&self) -> Vec<u8> {
        self.out.iter().map(|out| out.first).collect()
    }
}

fn keep(out: &mut Vec<Out>, all: &mut Option<Vec<u8>>, chunk: Chunk<'_>) {
    out.push(Out {
        index: chunk.index,
        first: chunk.audio[0],
        last: chunk.audio[CHUNK - 1],
        filled: chunk.filled,
    });
    if let Some(all) = all {
        all.extend(chunk.audio);
    }
}

fn gapless(out: &[Out]) -> bool {
    out.windows(2)
        .all(|pair| pair[0].index + 1 == pair[1].index)
}

#[test]
fn packets_in_order_go_on_at_once() {
    let mut rig = Rig::new();
    for n in 0..10_u16 {
        rig.push(
            ms(25 + 20 * u64::from(n)),
            n,
            160 * u32::from(n),
            &[n as u8; 160],
        );
        assert_eq!(rig.firsts().last(), Some(&(n as u8)));
    }
    assert!(gapless(&rig.out));
    assert_eq!(rig.timeline.counters(), Counters::default());
}

#[test]
fn fifty_chunks_a_second_when_nothing_flows() {
    let mut rig = Rig::new();
    rig.run_to(Duration::from_secs(60));
    assert!((2996..=3000).contains(&rig.out.len()), "{}", rig.out.len());
    assert!(gapless(&rig.out));
    assert!(
        rig.out
            .iter()
            .all(|out| out.first == ULAW_SILENCE && out.filled == 0)
    );
}

#[test]
fn while_nobody_talks_silence_keeps_time_and_who_begins_is_not_late() {
    let mut rig = Rig::new();
    for end in (20..=1000).step_by(20) {
        rig.run_to(ms(end + 40));
        assert_eq!(rig.out.len() as u64, end / 20, "two packets later at most");
    }
    for begins in 0..20_u16 {
        let mut rig = Rig::new();
        for n in 0..200_u16 {
            let at = ms(1000 + u64::from(begins) + 20 * u64::from(n));
            rig.push(at, n, 160 * u32::from(n), &[7; 160]);
        }
        assert_eq!(rig.timeline.counters(), Counters::default(), "{begins}");
        assert!(gapless(&rig.out));
    }
}

#[test]
fn a_lost_packet_is_silence_after_the_wait_and_is_counted() {
    let mut rig = Rig::new();
    for n in [0_u16, 1, 3] {
        rig.push(
            ms(20 * u64::from(n + 1)),
            n,
            160 * u32::from(n),
            &[n as u8; 160],
        );
    }
    assert_eq!(rig.firsts(), [0, 1]);
    rig.run_to(ms(80 + 39));
    assert_eq!(rig.firsts(), [0, 1]);
    rig.run_to(ms(80 + 40));
    assert_eq!(rig.firsts(), [0, 1, 0xFF, 3]);
    assert_eq!(rig.out[2].filled, 160);
    assert_eq!(rig.timeline.counters().filled, 160);
}

#[test]
fn an_overtaken_packet_takes_its_place() {
    let mut rig = Rig::new();
    for (at, n) in [(20, 0_u16), (40, 1), (75, 3), (78, 2), (100, 4)] {
        rig.push(ms(at), n, 160 * u32::from(n), &[n as u8; 160]);
    }
    assert_eq!(rig.firsts(), [0, 1, 2, 3, 4]);
    assert_eq!(rig.timeline.counters(), Counters::default());
}

#[test]
fn one_that_comes_after_its_place_was_filled_is_late() {
    let mut rig = Rig::new();
    for (at, n) in [(20, 0_u16), (40, 1), (80, 3), (100, 4), (125, 2), (126, 5)] {
        rig.push(ms(at), n, 160 * u32::from(n), &[n as u8; 160]);
    }
    assert_eq!(rig.firsts(), [0, 1, 0xFF, 3, 4, 5]);
    assert_eq!(rig.timeline.counters().late, 1);
}

#[test]
fn a_pause_is_silence_and_speech_goes_on_at_once_after_it() {
    let mut rig = Rig::new();
    for n in 0..3_u16 {
        rig.push(
            ms(20 * u64::from(n + 1)),
            n,
            160 * u32::from(n),
            &[n as u8; 160],
        );
    }
    rig.run_to(ms(990));
    let silent = rig.out.len();
    rig.push(ms(1005), 3, 7840, &[9; 160]);
    assert_eq!(rig.firsts().last(), Some(&9));
    assert!(gapless(&rig.out));
    // 49 chunks before it and itself: it stands where the clock says.
    assert_eq!(rig.out.last().unwrap().index, 49);
    assert!(rig.out[3..silent].iter().all(|out| out.filled == 160));
    assert_eq!(rig.timeline.counters().filled, 46 * 160);
}

#[test]
fn events_in_place_of_audio_are_a_pause_not_a_loss() {
    let mut rig = Rig::new();
    rig.push(ms(20), 0, 0, &[1; 160]);
    for n in 1..=5 {
        rig.run_to(ms(20 + 20 * n));
        rig.timeline.note(Seq(n as u16));
    }
    rig.push(ms(140), 6, 960, &[2; 160]);
    assert_eq!(rig.firsts(), [1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2]);
}

#[test]
fn every_packet_length_is_cut_to_twenty_milliseconds() {
    for ptime in [10_usize, 20, 30, 40, 50, 60] {
        let mut rig = Rig::new();
        rig.audio = Some(Vec::new());
        let samples = ptime * 8;
        let sent: Vec<u8> = (0..samples * 40).map(|n| (n % 251) as u8).collect();
        for (n, part) in sent.chunks(samples).enumerate() {
            rig.push(
                ms(((n + 1) * ptime) as u64),
                n as u16,
                (n * samples) as u32,
                part,
            );
        }
        let heard = rig.audio.unwrap();
        let skip = heard.len() - sent.len() / CHUNK * CHUNK;
        assert_eq!(heard[skip..], sent[..heard.len() - skip], "ptime {ptime}");
        assert_eq!(
            rig.timeline.counters(),
            Counters::default(),
            "ptime {ptime}"
        );
    }
}

#[test]
fn a_new_source_a_new_sequence_and_a_timestamp_jump_go_on_at_once() {
    let mut rig = Rig::new();
    let mut at = 0;
    let mut send = |rig: &mut Rig, sequence: u16, timestamp: u32, mark: u8| {
        at += 20;
        rig.push(ms(at), sequence, timestamp, &[mark; 160]);
        assert_eq!(rig.firsts().last(), Some(&mark));
    };
    send(&mut rig, 10, 1000, 1);
    send(&mut rig, 11, 1160, 2);
    rig.timeline.source_changed();
    send(&mut rig, 60_000, 4_000_000_000, 3);
    send(&mut rig, 60_001, 4_000_000_160, 4);
    send(&mut rig, 60_002, 77, 5); // the timestamp starts over
    send(&mut rig, 60_003, 237, 6);
    send(&mut rig, 5, 397, 7); // the sequence starts over
    send(&mut rig, 6, 557, 8);
    assert_eq!(rig.firsts(), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(gapless(&rig.out));
}

#[test]
fn a_path_that_becomes_longer_is_followed() {
    let mut rig = Rig::new();
    for n in 0..100_u16 {
        let delay = if n < 50 { 5 } else { 305 };
        rig.push(
            ms(20 * u64::from(n + 1) + delay),
            n,
            160 * u32::from(n),
            &[n as u8; 160],
        );
    }
    assert_eq!(rig.firsts().last(), Some(&99));
    assert!(gapless(&rig.out));
    let counters = rig.timeline.counters();
    assert!(counters.late < 10, "{counters:?}");
    assert_eq!(counters.slips, 15);
}

#[test]
fn a_burst_after_a_stall_does_not_run_ahead_of_the_clock() {
    let mut rig = Rig::new();
    for n in 0..200_u16 {
        let due = 20 * u64::from(n + 1);
        let at = if (1000..2000).contains(&due) {
            2000
        } else {
            due
        };
        rig.push(ms(at), n, 160 * u32::from(n), &[n as u8; 160]);
    }
    assert!(gapless(&rig.out));
    assert_eq!(rig.out.last().unwrap().index, 199);
    assert_eq!(rig.firsts().last(), Some(&199));
}

proptest! {
    /// Whatever a peer sends: no panic, no gap, no double, and never far from the clock.
    #[test]
    fn any_packets_give_a_gapless_timeline(
        packets in prop::collection::vec(
            (0_u64..200, any::<u16>(), prop_oneof![any::<u32>(), 0_u32..20_000], 0_usize..1600, 0_u8..20),
            1..200,
        )
    ) {
        let mut rig = Rig::new();
        let mut at = ms(0);
        for (n, (wait, sequence, timestamp, length, kind)) in packets.into_iter().enumerate() {
            at += ms(wait);
            match kind {
                0 => rig.timeline.note(Seq(sequence)),
                1 => rig.timeline.source_changed(),
                2 => rig.timeline.source_ended(),
                3..=10 => rig.push(at, n as u16, n as u32 * 160, &[7; 160]),
                _ => rig.push(at, sequence, timestamp, &vec![7; length]),
            }
            let clock = at.as_millis() as i64 / 20;
            prop_assert!(gapless(&rig.out));
            if let Some(last) = rig.out.last() {
                let ahead = last.index as i64 - clock;
                prop_assert!(ahead <= 10, "{ahead} chunks ahead");
            }
        }
        at += Duration::from_secs(2);
        rig.run_to(at);
        let behind = at.as_millis() as i64 / 20 - rig.out.last().unwrap().index as i64;
        prop_assert!(behind <= 7, "{behind} chunks behind");
    }
}
