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

/// Alice, whose leg carries the stream, hands Bob over to Carol and leaves.
#[test]
fn far_ends_are_exchanged_between_two_packets_and_the_stream_stays() {
    let mut world = World::new();
    let (a, b, c) = (
        world.leg(1, Codec::Pcmu),
        world.leg(2, Codec::Pcmu),
        world.leg(3, Codec::Pcma),
    );
    let (mut alice, mut bob, mut carol) = (
        Party::new(a, Codec::Pcmu, 440.0),
        Party::new(b, Codec::Pcmu, 900.0),
        Party::new(c, Codec::Pcma, 1500.0),
    );
    let fork = world.open_fork(a, 1, &Track::ALL);
    world.order(Command::Bridge { leg: a, other: b });
    world.talk(&mut [&mut alice, &mut bob, &mut carol], ms(2000));
    let before = world.track(fork, Track::Inbound).len();
    assert_eq!(world.sent_on(c).len(), 0);

    world.order(Command::Exchange { leg: a, other: c });
    // Whoever drives the shard has exchanged the sockets: Carol's packets come in as leg 1's.
    (alice.leg, carol.leg) = (c, a);
    world.talk(&mut [&mut alice, &mut bob, &mut carol], ms(2000));
    world.order(Command::CloseLeg { leg: c });
    world.talk(&mut [&mut bob, &mut carol], ms(2000));

    let inbound = heard(&world.track(fork, Track::Inbound));
    assert!(is_tone(&inbound[800..before - 800], 440.0), "Alice first");
    assert!(is_tone(&inbound[before + 800..], 1500.0), "then Carol");
    let outbound = heard(&world.track(fork, Track::Outbound));
    assert!(is_tone(&outbound[800..before - 800], 900.0), "Bob");
    assert!(is_tone(&outbound[before + 800..], 900.0), "Bob all along");
    assert!(inbound.len().abs_diff(outbound.len()) <= 160);
    let stamps = |track: &str| -> Vec<u64> {
        let messages = world.messages(fork);
        let media = messages.iter().filter(|m| m["media"]["track"] == track);
        media
            .map(|m| m["media"]["timestamp"].as_str().unwrap().parse().unwrap())
            .collect()
    };
    for track in ["inbound", "outbound"] {
        assert!(stamps(track).windows(2).all(|pair| pair[1] == pair[0] + 20));
    }
    // Carol hears Bob where she is, under her own SSRC, in her codec; Alice hears no more.
    let at_carol: Vec<_> = world
        .sent_on(a)
        .into_iter()
        .filter(|sent| sent.to == carol.address)
        .collect();
    assert!((198..=200).contains(&at_carol.len()), "{}", at_carol.len());
    assert!(
        at_carol
            .iter()
            .all(|s| s.ssrc() == 0xB003 && s.payload_type() == 8)
    );
    assert!(at_carol[0].marker());
    assert_eq!(world.fork_ends().len(), 0);
    // Bob hears one party after the other in one unbroken numbering.
    let at_bob = world.sent_on(b);
    assert!(
        at_bob
            .windows(2)
            .all(|p| p[1].sequence() == p[0].sequence().wrapping_add(1))
    );
    assert!((297..=300).contains(&at_bob.len()), "{}", at_bob.len());
}

#[test]
fn a_leg_that_is_gone_exchanges_nothing() {
    let mut world = World::new();
    let (a, b) = (world.leg(1, Codec::Pcmu), world.leg(2, Codec::Pcmu));
    world.order(Command::CloseLeg { leg: b });
    for (leg, other) in [(a, a), (a, b), (b, a)] {
        assert!(!world.shard.can_exchange(leg, other));
        world.order(Command::Exchange { leg, other });
    }
    let mut alice = Party::new(a, Codec::Pcmu, 440.0);
    let fork = world.open_fork(a, 1, &[Track::Inbound]);
    world.talk(&mut [&mut alice], ms(500));
    assert!(world.track(fork, Track::Inbound).len() >= 23 * 160);
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
