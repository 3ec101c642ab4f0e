//! A leg changes its thread between two packets.

use bridgetap_media::{Codec, Command, PlayId, RecordId, Shard, ShardConfig, Track};

use crate::world::*;

#[test]
fn a_leg_moves_with_its_streams_and_nobody_notices() {
    let mut world = World::new();
    let (a, b) = (world.leg(1, Codec::Pcmu), world.leg(2, Codec::Pcmu));
    let mut other = Shard::new(ShardConfig::new(world.epoch, EPOCH_NTP));
    let (mut alice, mut bob) = (
        Party::new(a, Codec::Pcmu, 440.0),
        Party::new(b, Codec::Pcmu, 900.0),
    );
    let fork = world.open_fork(a, 1, &Track::ALL);
    world.order(Command::StartRecord {
        leg: a,
        record: RecordId(1),
        tracks: vec![Track::Inbound],
    });
    world.order(Command::Play {
        leg: a,
        play: PlayId(1),
        prompts: vec![prompt(700.0, ms(1500))],
        loops: 1,
    });
    world.talk(&mut [&mut alice, &mut bob], ms(1000));

    let moved = world.shard.take_leg(a).unwrap();
    assert_eq!(moved.id(), a);
    assert_eq!(moved.forks().collect::<Vec<_>>(), [fork]);
    assert_eq!(moved.records().collect::<Vec<_>>(), [RecordId(1)]);
    assert_eq!((world.shard.leg_count(), world.shard.fork_count()), (1, 0));
    let now = world.now();
    other.insert_leg(now, moved, &mut world.net);
    let younger = world.shard.take_leg(b).unwrap();
    other.insert_leg(now, younger, &mut world.net);
    world.shard = other;
    world.pull();

    world.talk(&mut [&mut alice, &mut bob], ms(1000));
    world.order(Command::Bridge { leg: a, other: b });
    world.talk(&mut [&mut alice, &mut bob], ms(1000));
    world.order(Command::CloseLeg { leg: a });
    world.run(ms(100));

    let sent = world.sent_on(a);
    assert!(
        sent.windows(2)
            .all(|p| p[1].sequence() == p[0].sequence().wrapping_add(1))
    );
    assert_eq!(world.play_ends(), [(PlayId(1), true)]);
    let inbound = heard(&world.track(fork, Track::Inbound));
    assert!(is_tone(&inbound[800..], 440.0));
    assert!((23_000..=24_000).contains(&inbound.len()));
    let messages = world.messages(fork);
    for (n, message) in messages.iter().skip(1).enumerate() {
        assert_eq!(message["sequenceNumber"], (n + 1).to_string());
    }
    assert!(is_tone(&world.net.samples[&RecordId(1)].1[800..], 440.0));
    assert_eq!(world.fork_ends().len(), 1);
    assert_eq!(world.net.ended_records, [RecordId(1)]);
}

#[test]
fn taking_a_bridged_leg_ends_its_bridge() {
    let mut world = World::new();
    let (a, b) = (world.leg(1, Codec::Pcmu), world.leg(2, Codec::Pcmu));
    world.order(Command::Bridge { leg: a, other: b });
    let mut bob = Party::new(b, Codec::Pcmu, 900.0);
    world.talk(&mut [&mut bob], ms(100));
    let moved = world.shard.take_leg(a).unwrap();
    assert!(world.shard.take_leg(a).is_none());
    world.talk(&mut [&mut bob], ms(100));
    let now = world.now();
    world.shard.insert_leg(now, moved, &mut world.net);
    world.talk(&mut [&mut bob], ms(100));
    assert_eq!(world.sent_on(a).len(), 5);
}
