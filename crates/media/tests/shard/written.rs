//! What was handed over and not written: it is sent again over the next connection.

use bridgetap_media::{Command, EndReason, Failure, ForkFrame, ForkId, Resume};

use crate::forking::call;
use crate::resuming::{HOW, answer, connection, resuming, sequences};
use crate::world::*;

/// Take all that a stalled server's fork has to say, and write none of it.
fn hand_over(world: &mut World, fork: ForkId) -> Vec<ForkFrame> {
    let now = world.now();
    let mut text = Vec::new();
    std::iter::from_fn(|| {
        text.clear();
        world.shard.fork_next(now, fork, &mut text, &mut world.net)
    })
    .collect()
}

fn fail(world: &mut World, fork: ForkId) {
    let now = world.now();
    let failure = Failure::new(31903, "connection reset");
    world.shard.fork_failed(now, fork, failure, &mut world.net);
}

#[test]
fn a_stop_that_was_never_written_is_sent_again() {
    let (mut world, mut alice) = call();
    let fork = resuming(&mut world, alice.leg, 1, HOW);
    world.talk(&mut [&mut alice], ms(1000));
    world.stalled.insert(fork);
    world.order(Command::StopFork { fork });
    assert_eq!(hand_over(&mut world, fork).last(), Some(&ForkFrame::Stop));
    fail(&mut world, fork);
    assert!(world.fork_ends().is_empty(), "nobody has been told");
    world.run(ms(500));
    assert_eq!(world.net.dials.len(), 1);
    world.stalled.clear();
    answer(&mut world, fork, None);
    let second = connection(&world, fork, 1);
    assert_eq!(second.last().unwrap()["event"], "stop");
    let end = &world.fork_ends()[0];
    assert_eq!((end.reason, end.reconnects), (EndReason::Stopped, 1));
}

#[test]
fn a_burst_that_was_handed_over_and_not_written_is_kept() {
    let (mut world, mut alice) = call();
    let short = Resume {
        overlap_ms: 200,
        ..HOW
    };
    let fork = resuming(&mut world, alice.leg, 1, short);
    world.talk(&mut [&mut alice], ms(1000));
    let now = world.now();
    world.shard.fork_written(now, fork, 0, &mut world.net);
    let written = *sequences(&world.messages(fork)).last().unwrap();
    world.stalled.insert(fork);
    world.talk(&mut [&mut alice], ms(3000));
    assert!(hand_over(&mut world, fork).len() > 250);
    fail(&mut world, fork);
    world.run(ms(500));
    world.stalled.clear();
    answer(&mut world, fork, Some(written));
    let second = connection(&world, fork, 1);
    assert!(second.iter().all(|message| message["event"] != "gap"));
    assert_eq!(sequences(&second)[0], written + 1);
}
