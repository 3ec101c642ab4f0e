//! A far server's view of a fork: what it is sent, in which order, and how it ends.

use bridgetap_media::{
    CaptureFrom, Codec, Command, EndReason, ForkId, LegId, MediaEvent, RemoteClose, Track,
};
use serde_json::Value;

use crate::world::*;

const INBOUND: &[Track] = &[Track::Inbound];

fn call() -> (World, Party) {
    let mut world = World::new();
    let leg = world.leg(1, Codec::Pcmu);
    (world, Party::new(leg, Codec::Pcmu, 440.0))
}

fn events(messages: &[Value]) -> Vec<&str> {
    messages
        .iter()
        .map(|m| m["event"].as_str().unwrap())
        .collect()
}

fn number(value: &Value) -> u64 {
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
fn after_the_call_a_fork_drains_and_then_stops() {
    let (mut world, mut alice) = call();
    let fork = world.open_fork(alice.leg, 1, INBOUND);
    world.stalled.insert(fork);
    world.talk(&mut [&mut alice], ms(2000));
    world.order(Command::CloseLeg { leg: alice.leg });
    assert!(world.fork_ends().is_empty());
    assert_eq!((world.shard.leg_count(), world.shard.fork_count()), (0, 1));
    world.run(ms(1000));
    world.stalled.clear();
    world.run(ms(1));
    world.pull();
    let end = &world.fork_ends()[0];
    assert_eq!((end.reason, end.ms_dropped), (EndReason::CallEnded, 0));
    assert!(end.ms_sent >= 1960);
    assert_eq!(*events(&world.messages(fork)).last().unwrap(), "stop");
    assert_eq!(world.shard.fork_count(), 0);
}

#[test]
fn the_drain_has_an_end_even_when_nothing_is_ever_taken() {
    let (mut world, mut alice) = call();
    let fork = world.open_fork(alice.leg, 1, INBOUND);
    world.stalled.insert(fork);
    world.talk(&mut [&mut alice], ms(2000));
    world.order(Command::StopFork { fork });
    world.order(Command::StopFork { fork });
    world.talk(&mut [&mut alice], ms(4900));
    assert!(world.fork_ends().is_empty());
    world.run(ms(1200));
    let ends = world.fork_ends();
    assert_eq!(ends.len(), 1);
    assert_eq!(ends[0].reason, EndReason::Stopped);
    assert!(
        ends[0].ms_dropped >= 1960 && ends[0].ms_dropped <= 2020,
        "audio after the stop is not counted: {ends:?}"
    );
}

#[test]
fn stop_reaches_a_far_end_that_wakes_up_after_the_drain() {
    let (mut world, mut alice) = call();
    let fork = world.open_fork(alice.leg, 1, INBOUND);
    world.talk(&mut [&mut alice], ms(500));
    world.stalled.insert(fork);
    world.talk(&mut [&mut alice], ms(1500));
    world.order(Command::StopFork { fork });
    world.run(ms(5100));
    world.stalled.clear();
    world.pull();
    let messages = world.messages(fork);
    assert_eq!(*events(&messages).last().unwrap(), "stop");
    assert_eq!(
        number(&messages.last().unwrap()["sequenceNumber"]),
        messages.len() as u64 - 1
    );
    assert!(world.fork_ends()[0].ms_dropped >= 1400);
}

#[test]
fn stopped_before_the_far_server_answered() {
    // Nothing taken: over at once.
    let (mut world, mut alice) = call();
    let fork = world.fork(alice.leg, 1, INBOUND);
    world.talk(&mut [&mut alice], ms(100));
    world.order(Command::StopFork { fork });
    assert_eq!(world.fork_ends()[0].reason, EndReason::Stopped);
    world.open(fork);
    assert!(world.frames.is_empty());

    // Taken from creation: it still gets through if the answer comes in time.
    let fork = world.fork_with(alice.leg, 2, INBOUND, |target| {
        target.capture_from = CaptureFrom::Create
    });
    world.talk(&mut [&mut alice], ms(1000));
    world.order(Command::StopFork { fork });
    assert_eq!(world.fork_ends().len(), 1);
    world.run(ms(1000));
    world.open(fork);
    let messages = world.messages(fork);
    assert!((49..=54).contains(&messages.len()));
    assert_eq!(*events(&messages).last().unwrap(), "stop");
    assert_eq!(world.fork_ends()[1].ms_dropped, 0);

    // And ends if it does not.
    let fork = world.fork_with(alice.leg, 3, INBOUND, |target| {
        target.capture_from = CaptureFrom::Create
    });
    world.talk(&mut [&mut alice], ms(1000));
    world.order(Command::StopFork { fork });
    world.run(ms(5100));
    assert_eq!(world.fork_ends().len(), 3);
    assert!(world.fork_ends()[2].ms_dropped >= 960);
}

#[test]
fn how_the_far_server_ends_it() {
    for (close_code, code) in [(Some(1000), 0), (Some(1011), 31921), (None, 31903)] {
        let (mut world, mut alice) = call();
        let fork = world.open_fork(alice.leg, 1, INBOUND);
        world.talk(&mut [&mut alice], ms(500));
        let now = world.now();
        let close = RemoteClose {
            close_code,
            detail: "gone".into(),
        };
        world
            .shard
            .fork_remote_closed(now, fork, close.clone(), &mut world.net);
        world
            .shard
            .fork_remote_closed(now, fork, close, &mut world.net);
        world.order(Command::StopFork { fork });
        let ends = world.fork_ends();
        assert_eq!(ends.len(), 1);
        assert_eq!(
            (ends[0].reason, ends[0].code),
            (EndReason::RemoteClosed, code)
        );
        assert_eq!(ends[0].close_code, close_code.unwrap_or(0));
        assert!(world.messages(fork).iter().all(|m| m["event"] != "stop"));
    }
}

#[test]
fn a_failure_carries_its_code_and_a_close_after_stop_is_no_failure() {
    let (mut world, _) = call();
    let (one, two) = (
        world.fork(LegId(1), 1, INBOUND),
        world.open_fork(LegId(1), 2, INBOUND),
    );
    let now = world.now();
    world
        .shard
        .fork_failed(now, one, 31902, "connection refused".into(), &mut world.net);
    let end = &world.fork_ends()[0];
    assert_eq!(
        (end.reason, end.code, end.detail.as_str()),
        (EndReason::Failed, 31902, "connection refused")
    );

    // `stop` is pulled by hand here, with bytes still unsent when the peer answers the close.
    world.stalled.insert(two);
    world.order(Command::StopFork { fork: two });
    let mut text = Vec::new();
    while world
        .shard
        .fork_next(now, two, &mut text, &mut world.net)
        .is_some()
    {}
    world.shard.fork_written(now, two, 100, &mut world.net);
    let close = RemoteClose {
        close_code: Some(1000),
        detail: String::new(),
    };
    world
        .shard
        .fork_remote_closed(now, two, close, &mut world.net);
    let end = &world.fork_ends()[1];
    assert_eq!(
        (end.reason, end.code, end.close_code),
        (EndReason::Stopped, 0, 1000)
    );
}

#[test]
fn a_fork_on_a_leg_that_is_gone_ends_at_once() {
    let mut world = World::new();
    world.fork(LegId(5), 9, INBOUND);
    let ends = world.fork_ends();
    assert_eq!(
        (ends[0].fork, ends[0].reason),
        (ForkId(9), EndReason::CallEnded)
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
