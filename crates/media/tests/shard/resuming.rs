//! A far server that goes and comes back: what it is sent then, what it is told of, and when it is
//! dialled.

use bridgetap_media::{
    Command, EndReason, Failure, ForkDial, ForkEndpoint, ForkId, LegId, MediaEvent, Overflow,
    RemoteClose, Resume, Track,
};
use serde_json::Value;

use crate::forking::{INBOUND, call, events, number};
use crate::world::*;

pub const HOW: Resume = Resume {
    overlap_ms: 2000,
    ring_ms: 30_000,
};

pub fn resuming(world: &mut World, leg: LegId, id: u64, how: Resume) -> ForkId {
    let fork = world.fork_with(leg, id, &Track::ALL, |target| {
        target.resume = Some(how);
        target.max_lag_ms = how.ring_ms;
        target.overflow = Overflow::DropOldest;
    });
    world.open(fork);
    fork
}

pub fn cut(world: &mut World, fork: ForkId, close_code: Option<u16>) {
    let now = world.now();
    let close = RemoteClose {
        close_code,
        detail: "restart".into(),
    };
    world
        .shard
        .fork_remote_closed(now, fork, close, &mut world.net);
}

/// The server answers the dial, and says what it kept.
pub fn answer(world: &mut World, fork: ForkId, kept: Option<u64>) {
    let now = world.now();
    world.shard.fork_opened(now, fork, kept, &mut world.net);
    world.pull();
}

/// What came over the connection number `n`: split where `connected` stands.
pub fn connection(world: &World, fork: ForkId, n: usize) -> Vec<Value> {
    let all = world.messages(fork);
    let starts: Vec<usize> = (0..all.len())
        .filter(|&at| all[at]["event"] == "connected")
        .chain([all.len()])
        .collect();
    all[starts[n]..starts[n + 1]].to_vec()
}

pub fn sequences(messages: &[Value]) -> Vec<u64> {
    let media = messages.iter().filter(|m| m["event"] == "media");
    media.map(|m| number(&m["sequenceNumber"])).collect()
}

#[test]
fn nothing_is_lost_when_the_server_says_what_it_kept() {
    let (mut world, mut alice) = call();
    let fork = resuming(&mut world, alice.leg, 1, HOW);
    let control = world.open_fork(alice.leg, 2, &Track::ALL);
    world.talk(&mut [&mut alice], ms(6000));
    cut(&mut world, fork, None);
    world.talk(&mut [&mut alice], ms(5000));
    let (at, _, dial) = world.net.dials[0];
    assert!(at - ms(6000) <= ms(205), "{at:?}");
    let sent = sequences(&world.messages(fork)).last().copied();
    assert_eq!(dial, ForkDial { endpoint: 0, sent });
    // It had read the last hundred messages and not kept them.
    let kept = sent.unwrap() - 100;
    answer(&mut world, fork, Some(kept));
    world.talk(&mut [&mut alice], ms(500));
    world.order(Command::StopFork { fork });
    world.order(Command::StopFork { fork: control });

    let second = connection(&world, fork, 1);
    assert_eq!(events(&second)[..3], ["connected", "start", "media"]);
    assert_eq!(second[1]["sequenceNumber"], "1", "a repeat by its number");
    assert_eq!(second[1]["streamSid"], "MZ1");
    let again = sequences(&second);
    assert_eq!(again[0], kept + 1);
    assert!(again.windows(2).all(|pair| pair[1] == pair[0] + 1));
    // With the repeats dropped it is the very stream of one that never broke.
    let first = connection(&world, fork, 0);
    let whole: Vec<Value> = first
        .into_iter()
        .filter(|m| m["event"] == "media" && number(&m["sequenceNumber"]) <= kept)
        .chain(second.into_iter().filter(|m| m["event"] == "media"))
        .collect();
    for track in Track::ALL {
        let payloads = |messages: &[Value]| -> Vec<Value> {
            let of_track = messages
                .iter()
                .filter(|m| m["media"]["track"] == track.name());
            of_track.map(|m| m["media"].clone()).collect()
        };
        assert_eq!(payloads(&whole), payloads(&world.messages(control)));
    }
    let end = &world.fork_ends()[0];
    assert_eq!((end.reason, end.reconnects), (EndReason::Stopped, 1));
    assert_eq!(
        (end.ms_dropped, end.ms_missing, end.ms_replayed),
        (0, 0, 2000)
    );
    let resumed = world.events().into_iter().any(|event| {
        matches!(event, MediaEvent::ForkResumed { knows: true, frames_replayed: 100, gap_ms: 0, down_ms, .. }
            if (4990..=5010).contains(down_ms))
    });
    assert!(resumed, "{:?}", world.events());
}

#[test]
fn a_server_that_knows_nothing_of_it_gets_the_overlap_again() {
    let (mut world, mut alice) = call();
    let fork = resuming(&mut world, alice.leg, 1, HOW);
    world.talk(&mut [&mut alice], ms(5000));
    cut(&mut world, fork, Some(1012));
    world.talk(&mut [&mut alice], ms(1000));
    answer(&mut world, fork, None);
    world.talk(&mut [&mut alice], ms(500));
    let (first, second) = (connection(&world, fork, 0), connection(&world, fork, 1));
    let (before, after) = (sequences(&first), sequences(&second));
    let repeats = after.iter().filter(|n| before.contains(n)).count();
    assert!((198..=202).contains(&repeats), "{repeats}");
    assert!(after.windows(2).all(|pair| pair[1] == pair[0] + 1));
    assert!(after[0] <= before.last().unwrap() + 1, "nothing is missing");
    // Whatever comes twice is the same to the letter.
    for message in second.iter().filter(|m| m["event"] == "media") {
        let twin = first
            .iter()
            .find(|m| m["event"] == "media" && m["sequenceNumber"] == message["sequenceNumber"]);
        assert!(twin.is_none_or(|twin| twin == message));
    }
}

#[test]
fn what_fell_off_the_ring_is_one_gap_of_exactly_that_length() {
    let short = Resume {
        overlap_ms: 1000,
        ring_ms: 4000,
    };
    for says in [true, false] {
        let (mut world, mut alice) = call();
        let fork = resuming(&mut world, alice.leg, 1, short);
        world.talk(&mut [&mut alice], ms(3000));
        let sent = *sequences(&world.messages(fork)).last().unwrap();
        cut(&mut world, fork, None);
        world.talk(&mut [&mut alice], ms(20_000));
        let kept = sent - 40; // 400 ms that it had read and not kept
        answer(&mut world, fork, says.then_some(kept));
        world.talk(&mut [&mut alice], ms(500));
        world.order(Command::StopFork { fork });
        let (first, second) = (connection(&world, fork, 0), connection(&world, fork, 1));
        let gaps: Vec<&Value> = second.iter().filter(|m| m["event"] == "gap").collect();
        assert_eq!(gaps.len(), 1);
        let gap = &gaps[0]["gap"];
        let last_kept = if says { kept } else { sent };
        assert_eq!(number(&gap["firstSequence"]), last_kept + 1);
        assert_eq!(gap["lastSequence"], gaps[0]["sequenceNumber"]);
        assert_eq!(sequences(&second)[0], number(&gap["lastSequence"]) + 1);
        for (at, track) in Track::ALL.into_iter().enumerate() {
            let stamps = |messages: &[Value], most: u64| -> Vec<u64> {
                let wanted = messages.iter().filter(|m| {
                    m["media"]["track"] == track.name() && number(&m["sequenceNumber"]) <= most
                });
                wanted.map(|m| number(&m["media"]["timestamp"])).collect()
            };
            let before = *stamps(&first, last_kept).last().unwrap();
            let after = stamps(&second, u64::MAX)[0];
            let told = &gap["tracks"][at];
            assert_eq!(told["track"], track.name());
            assert_eq!(number(&told["timestamp"]), before + 20);
            assert_eq!(number(&told["duration"]), after - before - 20, "{says}");
        }
        let end = &world.fork_ends()[0];
        assert!(end.ms_dropped.abs_diff(2 * 16_000) <= 80, "{end:?}");
        let more = if says { 800 } else { 0 };
        assert!(
            (end.ms_dropped + more).abs_diff(end.ms_missing) <= 80,
            "{end:?}"
        );
        assert!(
            world
                .events()
                .into_iter()
                .any(|event| matches!(event, MediaEvent::ForkLagging { percent: 100, .. }))
        );
    }
}

#[test]
fn dialling_goes_on_with_pauses_while_the_call_lives() {
    let (mut world, mut alice) = call();
    let fork = resuming(&mut world, alice.leg, 1, HOW);
    world.talk(&mut [&mut alice], ms(10_000));
    cut(&mut world, fork, None);
    let mut failed = 0;
    let end = world.net.now + ms(60_000);
    while world.net.now < end {
        world.talk(&mut [&mut alice], ms(20));
        if world.net.dials.len() > failed {
            failed = world.net.dials.len();
            let now = world.now();
            let failure = Failure::lasting(31902, "connection refused");
            world.shard.fork_failed(now, fork, failure, &mut world.net);
        }
    }
    assert!((12..=40).contains(&failed), "{failed} tries in a minute");
    let told = world
        .events()
        .iter()
        .filter(|event| matches!(event, MediaEvent::ForkReconnecting { .. }))
        .count();
    assert_eq!(told, failed + 1);
    assert!(world.fork_ends().is_empty());
    world.order(Command::CloseLeg { leg: alice.leg });
    world.run(ms(5100));
    let end = &world.fork_ends()[0];
    assert_eq!((end.reason, end.code), (EndReason::CallEnded, 0));
    assert!(end.ms_dropped.abs_diff(2 * 60_000) <= 100, "{end:?}");
}

#[test]
fn a_call_that_ends_meanwhile_is_drained_over_the_next_connection() {
    let (mut world, mut alice) = call();
    let fork = resuming(&mut world, alice.leg, 1, HOW);
    world.talk(&mut [&mut alice], ms(1000));
    cut(&mut world, fork, None);
    world.talk(&mut [&mut alice], ms(1000));
    world.order(Command::CloseLeg { leg: alice.leg });
    world.run(ms(1000));
    answer(&mut world, fork, Some(90));
    let second = connection(&world, fork, 1);
    assert_eq!(*events(&second).last().unwrap(), "stop");
    assert_eq!(sequences(&second)[0], 91);
    let end = &world.fork_ends()[0];
    assert_eq!((end.reason, end.ms_dropped), (EndReason::CallEnded, 0));
}

#[test]
fn a_server_that_says_goodbye_in_the_ordinary_way_is_let_go() {
    let (mut world, mut alice) = call();
    let fork = resuming(&mut world, alice.leg, 1, HOW);
    world.talk(&mut [&mut alice], ms(1000));
    cut(&mut world, fork, Some(1000));
    let end = &world.fork_ends()[0];
    assert_eq!(
        (end.reason, end.close_code),
        (EndReason::RemoteClosed, 1000)
    );
    assert!(world.net.dials.is_empty());
}

#[test]
fn endpoints_are_tried_in_order_at_the_start_with_and_without_resume() {
    for resume in [None, Some(HOW)] {
        let (mut world, mut alice) = call();
        let fork = world.fork_with(alice.leg, 1, INBOUND, |target| {
            target.endpoints = vec![ForkEndpoint::default(); 3];
            target.resume = resume;
        });
        for endpoint in 1..3 {
            let now = world.now();
            let failure = Failure::new(31902, "connection refused");
            world.shard.fork_failed(now, fork, failure, &mut world.net);
            let dial = ForkDial {
                endpoint,
                sent: None,
            };
            assert_eq!(world.net.dials.last().unwrap().2, dial);
        }
        answer(&mut world, fork, None);
        world.talk(&mut [&mut alice], ms(6000));
        assert_eq!(events(&world.messages(fork))[..2], ["connected", "start"]);
        cut(&mut world, fork, None);
        world.talk(&mut [&mut alice], ms(300));
        match resume {
            None => assert_eq!(world.fork_ends()[0].code, 31903),
            Some(_) => assert_eq!(world.net.dials.last().unwrap().2.endpoint, 2),
        }
    }
}

#[test]
fn a_start_that_is_hopeless_ends_at_once_and_one_that_is_not_goes_on() {
    for (lasting, ends) in [(true, 1), (false, 0)] {
        let (mut world, alice) = call();
        let fork = world.fork_with(alice.leg, 1, INBOUND, |target| target.resume = Some(HOW));
        let failure = Failure {
            lasting,
            ..Failure::new(31910, "not for this host")
        };
        let now = world.now();
        world.shard.fork_failed(now, fork, failure, &mut world.net);
        assert_eq!(world.fork_ends().len(), ends);
    }
}

#[test]
fn the_overflow_policies_differ_in_what_gives_way() {
    for (overflow, resume) in [
        (Overflow::SkipToLive, None),
        (Overflow::DropOldest, None),
        (Overflow::Close, None),
        (Overflow::SkipToLive, Some(HOW)),
        (Overflow::DropOldest, Some(HOW)),
        (Overflow::Close, Some(HOW)),
    ] {
        let (mut world, mut alice) = call();
        let fork = world.fork_with(alice.leg, 1, INBOUND, |target| {
            (target.overflow, target.resume, target.max_lag_ms) = (overflow, resume, 1000);
        });
        world.open(fork);
        world.talk(&mut [&mut alice], ms(1000));
        let before = sequences(&world.messages(fork)).len() as u64;
        world.stalled.insert(fork);
        world.talk(&mut [&mut alice], ms(3000));
        world.stalled.clear();
        world.pull();
        let ends = world.fork_ends();
        if overflow == Overflow::Close {
            assert_eq!((ends.len(), ends[0].code), (1, 31930));
            continue;
        }
        assert!(ends.is_empty());
        let messages = world.messages(fork);
        let burst = sequences(&messages).len() as u64 - before;
        match overflow {
            // Skipping began anew each time the bound was reached.
            Overflow::SkipToLive => assert!(burst <= 50, "{burst}"),
            _ => assert!((49..=51).contains(&burst), "{burst}"),
        }
        // With resume what is missing is told, otherwise the times show it.
        let gaps = messages.iter().filter(|m| m["event"] == "gap").count();
        assert_eq!(gaps, usize::from(resume.is_some()), "{overflow:?}");
    }
}
