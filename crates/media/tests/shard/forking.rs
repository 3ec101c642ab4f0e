//! A far server's view of a fork: what it is sent, in which order, and how it ends.

use bridgetap_media::{CaptureFrom, Codec, Command, EndReason, LegId, MediaEvent, Track};
use serde_json::Value;

use crate::world::*;

pub const INBOUND: &[Track] = &[Track::Inbound];

pub fn call() -> (World, Party) {
    let mut world = World::new();
    let leg = world.leg(1, Codec::Pcmu);
    (world, Party::new(leg, Codec::Pcmu, 440.0))
}

pub fn events(messages: &[Value]) -> Vec<&str> {
    messages
        .iter()
        .map(|m| m["event"].as_str().unwrap())
        .collect()
}

pub fn number(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn connected_start_media_stop_in_order_and_counted() {
    let (mut world, mut alice) = call();
    let fork = world.open_fork(alice.leg, 1, INBOUND);
    world.talk(&mut [&mut alice], ms(7000));
    world.order(Command::StopFork { fork });
    let messages = world.messages(fork);
    let kinds = events(&messages);
    assert_eq!(kinds[..2], ["connected", "start"]);
    assert!(
        kinds[2..kinds.len() - 1]
            .iter()
            .all(|kind| *kind == "media")
    );
    assert_eq!(*kinds.last().unwrap(), "stop");
    for (n, message) in messages[1..].iter().enumerate() {
        assert_eq!(number(&message["sequenceNumber"]), n as u64 + 1);
        assert_eq!(message["streamSid"], "MZ1");
    }
    let media: Vec<&Value> = messages.iter().filter(|m| m["event"] == "media").collect();
    assert!((348..=350).contains(&media.len()), "{}", media.len());
    for (n, message) in media.iter().enumerate() {
        assert_eq!(number(&message["media"]["chunk"]), n as u64 + 1);
        let expected = number(&media[0]["media"]["timestamp"]) + n as u64 * 20;
        assert_eq!(number(&message["media"]["timestamp"]), expected);
        assert_eq!(message["media"]["payload"].as_str().unwrap().len(), 216);
    }
    let first = number(&media[0]["media"]["timestamp"]);
    assert!((1..=40).contains(&first), "{first} ms since the start");
    let end = &world.fork_ends()[0];
    assert_eq!(
        (end.reason, end.code, end.close_code),
        (EndReason::Stopped, 0, 0)
    );
    assert_eq!(end.frames_sent, media.len() as u64);
    assert_eq!((end.ms_sent, end.ms_dropped), (media.len() as u64 * 20, 0));
    assert_eq!(world.shard.fork_count(), 0);
}

#[test]
fn opened_is_told_when_start_was_handed_over() {
    let (mut world, _) = call();
    let fork = world.fork(LegId(1), 1, INBOUND);
    world.run(ms(123));
    assert!(world.events().is_empty());
    world.open(fork);
    assert!(matches!(
        world.events()[..],
        [MediaEvent::ForkOpened { connect_ms, .. }] if (connect_ms - 123.0).abs() < 0.01
    ));
}

#[test]
fn audio_is_taken_from_the_101_or_from_creation() {
    for (capture_from, least, most) in [(CaptureFrom::Open, 0, 51), (CaptureFrom::Create, 98, 101)]
    {
        let (mut world, mut alice) = call();
        world.talk(&mut [&mut alice], ms(100));
        let fork = world.fork_with(alice.leg, 1, INBOUND, |target| {
            target.capture_from = capture_from
        });
        world.talk(&mut [&mut alice], ms(1000));
        world.open(fork);
        let burst = world.track(fork, Track::Inbound).len() / 160;
        assert!(burst >= least / 2 && (capture_from == CaptureFrom::Create || burst == 0));
        world.talk(&mut [&mut alice], ms(1000));
        let chunks = world.track(fork, Track::Inbound).len() / 160;
        assert!(
            (least..=most).contains(&chunks),
            "{capture_from:?}: {chunks}"
        );
        let stamp = number(&world.messages(fork)[2]["media"]["timestamp"]);
        assert!((1..=40).contains(&stamp));
        assert!(is_tone(
            &heard(&world.track(fork, Track::Inbound))[160..],
            440.0
        ));
    }
}

#[test]
fn a_far_end_that_stands_still_is_skipped_to_live_and_told() {
    let (mut world, mut alice) = call();
    let fork = world.fork_with(alice.leg, 1, INBOUND, |target| target.max_lag_ms = 1000);
    world.open(fork);
    world.talk(&mut [&mut alice], ms(1000));
    world.stalled.insert(fork);
    world.talk(&mut [&mut alice], ms(3500));
    let lags: Vec<(u32, u32)> = world
        .events()
        .iter()
        .filter_map(|event| match event {
            MediaEvent::ForkLagging {
                percent, lag_ms, ..
            } => Some((*percent, *lag_ms)),
            _ => None,
        })
        .collect();
    let percents: Vec<u32> = lags.iter().map(|lag| lag.0).collect();
    assert_eq!(percents[..4], [30, 60, 90, 100], "{lags:?}");
    assert!(lags.iter().all(|lag| lag.1 <= 1020));
    world.stalled.clear();
    world.talk(&mut [&mut alice], ms(1000));
    world.order(Command::StopFork { fork });
    let end = &world.fork_ends()[0];
    assert!((1020..=1040).contains(&end.lag_max_ms), "{end:?}");
    // All was either sent or counted as dropped.
    assert!(
        (end.ms_sent + end.ms_dropped).abs_diff(5500) <= 60,
        "{end:?}"
    );
    assert!(end.ms_dropped >= 2400, "{end:?}");
    // The gap shows in the timestamps, not in the numbers.
    let messages = world.messages(fork);
    let media: Vec<&Value> = messages.iter().filter(|m| m["event"] == "media").collect();
    let jumps = media
        .windows(2)
        .filter(|p| number(&p[1]["media"]["timestamp"]) - number(&p[0]["media"]["timestamp"]) != 20)
        .count();
    assert_eq!(jumps, 1);
    assert!(
        media
            .windows(2)
            .all(|p| number(&p[1]["media"]["chunk"]) == number(&p[0]["media"]["chunk"]) + 1)
    );
}

#[test]
fn bytes_the_kernel_holds_count_as_lag() {
    let (mut world, mut alice) = call();
    let fork = world.open_fork(alice.leg, 1, INBOUND);
    world.talk(&mut [&mut alice], ms(1000));
    let now = world.now();
    world.shard.fork_written(now, fork, 40_000, &mut world.net);
    let Some((
        _,
        MediaEvent::ForkLagging {
            percent,
            lag_ms,
            dropped_ms: 0,
            ..
        },
    )) = world.net.events.last()
    else {
        panic!("{:?}", world.net.events.last());
    };
    assert!(
        *percent == 30 && (1900..2300).contains(lag_ms),
        "{percent} {lag_ms}"
    );
    world.shard.fork_written(now, fork, 0, &mut world.net);
    world.talk(&mut [&mut alice], ms(100));
    assert_eq!(world.net.events.len(), 2);
}

#[test]
fn a_slow_fork_does_not_hold_up_a_quick_one_and_both_get_the_same_audio() {
    let (mut world, mut alice) = call();
    let quick = world.open_fork(alice.leg, 1, INBOUND);
    let slow = world.open_fork(alice.leg, 2, INBOUND);
    world.stalled.insert(slow);
    world.talk(&mut [&mut alice], ms(2000));
    assert!(world.track(slow, Track::Inbound).is_empty());
    assert!(world.track(quick, Track::Inbound).len() >= 98 * 160);
    world.stalled.clear();
    world.talk(&mut [&mut alice], ms(200));
    assert_eq!(
        world.track(slow, Track::Inbound),
        world.track(quick, Track::Inbound)
    );
}

#[test]
fn holes_are_filled_told_and_do_not_shift_anything() {
    let (mut world, mut alice) = call();
    let fork = world.open_fork(alice.leg, 1, INBOUND);
    for _ in 0..20 {
        world.talk(&mut [&mut alice], ms(180));
        alice.sequence = alice.sequence.wrapping_add(1);
        alice.pause(ms(20));
        alice.due += ms(20);
    }
    world.talk(&mut [&mut alice], ms(400));
    world.order(Command::StopFork { fork });
    let end = &world.fork_ends()[0];
    assert_eq!(end.ms_repaired, 20 * 20);
    assert!(end.ms_sent.abs_diff(4000) <= 60, "{end:?}");
    assert!(end.latency_p50_us < 10);
}

#[test]
fn late_forks_begin_with_what_is_said_then() {
    let (mut world, mut alice) = call();
    let first = world.open_fork(alice.leg, 1, INBOUND);
    world.talk(&mut [&mut alice], ms(3000));
    let second = world.open_fork(alice.leg, 2, INBOUND);
    world.order(Command::StopFork { fork: first });
    world.talk(&mut [&mut alice], ms(1000));
    let chunks = world.track(second, Track::Inbound).len() / 160;
    assert!((48..=51).contains(&chunks), "{chunks}");
    let start: &Value = &world.messages(second)[1];
    assert_eq!(start["start"]["tracks"], serde_json::json!(["inbound"]));
    assert_eq!(start["sequenceNumber"], "1");
}
