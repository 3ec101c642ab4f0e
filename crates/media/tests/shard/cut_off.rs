//! A stream that ends in the middle of a packet's work: what is left of it, and what others hear.

use bridgetap_media::{Codec, Command, EndReason, ForkEndpoint, ForkId, Overflow, PlayId};

use crate::forking::INBOUND;
use crate::world::*;

/// Two calls: the first plays a tone, the far end of the second speaks until it is too slow.
fn too_slow() -> (World, Party, ForkId) {
    let mut world = World::new();
    let playing = world.leg(1, Codec::Pcmu);
    let leg = world.leg(2, Codec::Pcmu);
    let party = Party::new(leg, Codec::Pcmu, 440.0);
    let fork = world.fork_with(leg, 1, INBOUND, |target| {
        target.bidirectional = true;
        (target.overflow, target.max_lag_ms) = (Overflow::Close, 500);
    });
    world.open(fork);
    world.order(Command::Play {
        leg: playing,
        play: PlayId(1),
        prompts: vec![prompt(700.0, ms(60))],
        loops: 0,
    });
    (world, party, fork)
}

#[test]
fn a_stream_that_was_cut_off_leaves_silence_and_not_what_another_call_plays() {
    let (mut world, mut party, fork) = too_slow();
    world.talk(&mut [&mut party], ms(200));
    world.stalled.insert(fork);
    world.talk(&mut [&mut party], ms(2000));
    let ends = world.fork_ends();
    assert_eq!((ends.len(), ends[0].code), (1, 31930));
    let heard = world.heard_by(party.leg, 0, Codec::Pcmu);
    assert!(heard.len() > 30 * 160 && is_silent(&heard));
}

#[test]
fn a_second_speaker_is_refused_once_and_for_all_its_endpoints() {
    let mut world = World::new();
    let leg = world.leg(1, Codec::Pcmu);
    let speaks = |world: &mut World, id| {
        world.fork_with(leg, id, INBOUND, |target| {
            target.bidirectional = true;
            target.endpoints = vec![ForkEndpoint::default(); 3];
        })
    };
    let first = speaks(&mut world, 1);
    world.open(first);
    let second = speaks(&mut world, 2);
    let ends = world.fork_ends();
    assert_eq!(ends.len(), 1);
    assert_eq!(
        (ends[0].fork, ends[0].reason, ends[0].code),
        (second, EndReason::Failed, 31941)
    );
    assert!(world.net.dials.is_empty(), "{:?}", world.net.dials);
    assert_eq!(world.shard.fork_count(), 1);
}

#[test]
fn what_a_packet_ended_is_over_with_that_packet() {
    let (mut world, mut party, fork) = too_slow();
    world.stalled.insert(fork);
    for _ in 0..100 {
        world.run(ms(20));
        let (leg, from, packet) = party.packet();
        world.receive(leg, from, packet);
        let ended = world.fork_ends().len();
        assert_eq!(world.shard.fork_count(), 1 - ended);
    }
    assert_eq!(world.shard.fork_count(), 0);
}
