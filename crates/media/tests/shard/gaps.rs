//! What is missing for good, told however often, is counted once; what came after all is not.

use bridgetap_media::{Command, ForkId, Overflow, Resume};

use crate::forking::{INBOUND, call};
use crate::resuming::{HOW, answer, connection, cut, resuming, sequences};
use crate::world::*;

const SHORT: Resume = Resume {
    overlap_ms: 200,
    ring_ms: 1000,
};

fn gaps(world: &World, fork: ForkId, n: usize) -> usize {
    let messages = connection(world, fork, n);
    messages.iter().filter(|m| m["event"] == "gap").count()
}

#[test]
fn a_gap_that_is_told_over_each_connection_is_counted_once() {
    let (mut world, mut alice) = call();
    let fork = resuming(&mut world, alice.leg, 1, SHORT);
    world.talk(&mut [&mut alice], ms(2000));
    let kept = *sequences(&world.messages(fork)).last().unwrap();
    for n in 1..4 {
        cut(&mut world, fork, None);
        world.talk(&mut [&mut alice], ms(4000));
        answer(&mut world, fork, Some(kept));
        assert_eq!(gaps(&world, fork, n), 1);
    }
    world.order(Command::StopFork { fork });
    let end = &world.fork_ends()[0];
    // All but the newest second of the last outage never came, on both tracks.
    assert!(end.ms_missing.abs_diff(2 * 11_000) <= 200, "{end:?}");
}

#[test]
fn what_was_told_as_missing_and_sent_after_all_is_not_missing() {
    let (mut world, mut alice) = call();
    let fork = world.fork_with(alice.leg, 1, INBOUND, |target| {
        target.resume = Some(HOW);
        (target.overflow, target.max_lag_ms) = (Overflow::DropOldest, 1000);
    });
    world.open(fork);
    world.talk(&mut [&mut alice], ms(1000));
    let kept = *sequences(&world.messages(fork)).last().unwrap();
    world.stalled.insert(fork);
    world.talk(&mut [&mut alice], ms(3000));
    world.stalled.clear();
    world.pull();
    assert_eq!(gaps(&world, fork, 0), 1);
    cut(&mut world, fork, None);
    world.talk(&mut [&mut alice], ms(500));
    answer(&mut world, fork, Some(kept));
    assert_eq!(gaps(&world, fork, 1), 0, "all of it was still there");
    world.order(Command::StopFork { fork });
    let end = &world.fork_ends()[0];
    assert_eq!((end.ms_missing, end.ms_dropped), (0, 0));
}
