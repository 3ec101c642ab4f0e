//! How a fork ends: stopped, with its call, by the far server, by a failure; always once.

use bridgetap_media::{CaptureFrom, Command, EndReason, Failure, ForkId, LegId, RemoteClose};

use crate::forking::{INBOUND, call, events, number};
use crate::world::*;

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
    world.shard.fork_failed(now, one, refused(), &mut world.net);
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

fn refused() -> Failure {
    Failure::new(31902, "connection refused")
}
