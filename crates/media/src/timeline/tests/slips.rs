//! Sources that are put right against the clock: where, and what that costs.

use super::*;

/// What comes out, and what was counted, of 400 packets of one whose path changes by 50 ms after a
/// second. `says` tells what the nth has: `None` when it is lost.
fn path_changes(from: u64, to: u64, says: impl Fn(u16) -> Option<u8>) -> (Vec<u8>, Counters) {
    let mut rig = Rig::new();
    rig.audio = Some(Vec::new());
    for n in 0..400_u16 {
        let delay = if n < 50 { from } else { to };
        if let Some(voice) = says(n) {
            let at = ms(20 * u64::from(n + 1) + delay);
            rig.push(at, n, 160 * u32::from(n), &[voice; 160]);
        }
    }
    (rig.audio.unwrap(), rig.timeline.counters())
}

/// One who never falls quiet, of whom 30 packets are lost.
fn speaks_with_holes(n: u16) -> Option<u8> {
    (n < 100 || !n.is_multiple_of(10)).then_some(1)
}

fn words(audio: &[u8]) -> usize {
    audio.iter().filter(|&&byte| byte == 1).count()
}

#[test]
fn a_path_that_becomes_shorter_costs_no_word() {
    let pauses = |n| {
        Some(if (200..210).contains(&n) {
            ULAW_SILENCE
        } else {
            1
        })
    };
    let (audio, counters) = path_changes(55, 5, pauses);
    assert_eq!(words(&audio), 390 * 160);
    assert!(counters.slips > 0);

    let (audio, counters) = path_changes(55, 5, speaks_with_holes);
    assert_eq!(words(&audio), 370 * 160);
    assert!(counters.slips > 0);
    assert!(counters.filled < 30 * 160, "a hole shrank: {counters:?}");
}

#[test]
fn a_path_that_becomes_longer_tears_no_word_apart() {
    let (audio, counters) = path_changes(5, 55, speaks_with_holes);
    assert_eq!(words(&audio), 370 * 160);
    assert!(counters.slips > 0);
    let spoken = audio.chunk_by(|a, b| a == b).filter(|run| run[0] == 1);
    assert_eq!(spoken.count(), 31);
}

#[test]
fn a_source_that_may_be_off_so_far_is_left_as_it_is() {
    for (tolerance, slips) in [(20, true), (200, false)] {
        let mut rig = Rig::new();
        let patience = Patience {
            reorder: ms(1000),
            tolerance: ms(tolerance),
        };
        rig.timeline = Timeline::new(CallClock::new(rig.start), rig.start, patience);
        for n in 0..600_u16 {
            let delay = if n / 100 % 2 == 0 { 5 } else { 105 };
            let at = ms(20 * u64::from(n + 1) + delay);
            rig.push(at, n, 160 * u32::from(n), &[ULAW_SILENCE; 160]);
        }
        let counters = rig.timeline.counters();
        assert_eq!(counters.late, 0, "{tolerance} ms");
        assert_eq!(counters.slips > 0, slips, "{tolerance} ms");
        assert_eq!(counters.filled > 0, slips, "{tolerance} ms");
    }
}

#[test]
fn who_begins_while_the_last_chunk_of_another_lasts_loses_no_word() {
    for (rings_ms, answers_ms) in [(5, 17), (29, 31), (30, 49)] {
        let mut rig = Rig::new();
        rig.audio = Some(Vec::new());
        // A ringing tone, then the callee, who never falls quiet.
        rig.push(ms(rings_ms), 0, 0, &[2; 160]);
        rig.timeline.source_ended();
        for n in 0..1000_u16 {
            let at = ms(answers_ms + 20 * u64::from(n));
            rig.push(at, 1 + n, 7000 + 160 * u32::from(n), &[1; 160]);
        }
        let counters = rig.timeline.counters();
        assert_eq!(words(&rig.audio.unwrap()), 160_000, "{rings_ms}");
        assert_eq!(counters.slips, 0, "{rings_ms}");
    }
}
