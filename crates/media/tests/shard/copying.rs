//! A recorder's view of a leg: what another leg sends of its tracks.

use bridgetap_media::{Codec, Command, Direction, LegId, Shard, ShardConfig, Track};

use crate::world::*;

/// Alice, talking to Bob, and two legs toward a recorder: one for each track of hers.
fn recorded(codec: Codec) -> (World, Party, Party, [LegId; 2]) {
    let mut world = World::new();
    let (a, b) = (world.leg(1, codec), world.leg(2, codec));
    let sinks = [11, 12].map(|id| recorder(&mut world, id, Codec::Pcmu));
    world.order(Command::Bridge { leg: a, other: b });
    for (track, to) in Track::ALL.into_iter().zip(sinks) {
        world.order(Command::Copy { leg: a, track, to });
    }
    let parties = (Party::new(a, codec, 440.0), Party::new(b, codec, 900.0));
    (world, parties.0, parties.1, sinks)
}

fn recorder(world: &mut World, id: u64, codec: Codec) -> LegId {
    let leg = world.leg(id, codec);
    let mut media = media(id, codec);
    media.direction = Direction::SendOnly;
    media.symmetric = false;
    world.configure(leg, media);
    leg
}

fn assert_whole(sent: &[Sent]) {
    for pair in sent.windows(2) {
        assert_eq!(pair[1].sequence(), pair[0].sequence().wrapping_add(1));
        assert_eq!(pair[1].timestamp(), pair[0].timestamp().wrapping_add(160));
        assert_eq!(pair[1].ssrc(), pair[0].ssrc());
        assert!(!pair[1].marker());
    }
}

#[test]
fn each_track_goes_to_its_own_line_whole_and_unchanged() {
    let (mut world, mut alice, mut bob, sinks) = recorded(Codec::Pcmu);
    world.talk(&mut [&mut alice, &mut bob], ms(3000));
    for (leg, hz) in sinks.into_iter().zip([440.0, 900.0]) {
        let sent = world.sent_on(leg);
        assert!((147..=150).contains(&sent.len()), "{}", sent.len());
        assert!(sent[0].marker());
        assert_whole(&sent);
        assert!(is_tone(&world.heard_by(leg, 0, Codec::Pcmu)[800..], hz));
    }
    let [one, other] = sinks.map(|leg| world.sent_on(leg)[0].ssrc());
    assert_ne!(one, other);
}

#[test]
fn a_recorder_of_another_law_gets_it_transcoded() {
    let (mut world, mut alice, mut bob, _) = recorded(Codec::Pcma);
    let third = recorder(&mut world, 13, Codec::Pcma);
    world.order(Command::Copy {
        leg: alice.leg,
        track: Track::Inbound,
        to: third,
    });
    world.talk(&mut [&mut alice, &mut bob], ms(1000));
    assert!(is_tone(
        &world.heard_by(third, 8, Codec::Pcma)[800..],
        440.0
    ));
}

#[test]
fn lost_packets_and_silence_leave_no_hole() {
    let (mut world, mut alice, mut bob, sinks) = recorded(Codec::Pcmu);
    world.talk(&mut [&mut alice, &mut bob], ms(500));
    for _ in 0..10 {
        let _ = alice.packet();
    }
    alice.due = world.net.now + ms(200);
    world.talk(&mut [&mut alice, &mut bob], ms(2000));
    let sent = world.sent_on(sinks[0]);
    assert_whole(&sent);
    assert!((122..=125).contains(&sent.len()), "{}", sent.len());
}

#[test]
fn what_may_not_flow_is_not_sent_and_time_goes_on() {
    let (mut world, mut alice, mut bob, sinks) = recorded(Codec::Pcmu);
    world.talk(&mut [&mut alice, &mut bob], ms(500));
    let before = world.sent_on(sinks[0]).len();
    let mut paused = media(11, Codec::Pcmu);
    paused.direction = Direction::Inactive;
    world.configure(sinks[0], paused.clone());
    world.talk(&mut [&mut alice, &mut bob], ms(1000));
    assert_eq!(world.sent_on(sinks[0]).len(), before);
    paused.direction = Direction::SendOnly;
    world.configure(sinks[0], paused);
    world.talk(&mut [&mut alice, &mut bob], ms(500));
    let sent = world.sent_on(sinks[0]);
    let (last, first) = (&sent[before - 1], &sent[before]);
    assert_eq!(first.sequence(), last.sequence().wrapping_add(1));
    assert!(first.marker());
    let passed = first.timestamp().wrapping_sub(last.timestamp());
    assert!((8000..=8480).contains(&passed), "{passed}");
}

#[test]
fn the_end_of_either_is_the_end_of_the_copy_alone() {
    let (mut world, mut alice, mut bob, [one, other]) = recorded(Codec::Pcmu);
    world.talk(&mut [&mut alice, &mut bob], ms(500));
    world.order(Command::CloseLeg { leg: one });
    world.order(Command::EndCopy { to: other });
    let (first, second) = (world.sent_on(one).len(), world.sent_on(other).len());
    world.talk(&mut [&mut alice, &mut bob], ms(500));
    assert_eq!(world.sent_on(one).len(), first);
    assert_eq!(world.sent_on(other).len(), second);
    assert!(world.sent_on(bob.leg).len() >= 48);
    world.order(Command::Copy {
        leg: alice.leg,
        track: Track::Inbound,
        to: other,
    });
    world.talk(&mut [&mut alice, &mut bob], ms(200));
    assert!(world.sent_on(other).len() > second);
    world.order(Command::CloseLeg { leg: alice.leg });
    let last = world.sent_on(other).len();
    world.run(ms(500));
    assert_eq!(world.sent_on(other).len(), last);
    assert_eq!(world.shard.leg_count(), 2);
}

#[test]
fn a_leg_that_moves_takes_its_copies_along() {
    let (mut world, mut alice, mut bob, sinks) = recorded(Codec::Pcmu);
    world.talk(&mut [&mut alice, &mut bob], ms(500));
    let mut other = Shard::new(ShardConfig::new(world.epoch, EPOCH_NTP));
    let now = world.now();
    let moved = world.shard.take_leg(alice.leg).unwrap();
    other.insert_leg(now, moved, &mut world.net);
    for leg in [sinks[0], sinks[1], bob.leg] {
        let moved = world.shard.take_leg(leg).unwrap();
        other.insert_leg(now, moved, &mut world.net);
    }
    world.shard = other;
    world.talk(&mut [&mut alice, &mut bob], ms(500));
    assert_whole(&world.sent_on(sinks[0]));
    assert!(is_tone(
        &world.heard_by(sinks[0], 0, Codec::Pcmu)[800..],
        440.0
    ));
}

#[test]
fn who_sends_a_copy_is_in_no_bridge() {
    let (mut world, mut alice, mut bob, [one, other]) = recorded(Codec::Pcmu);
    world.order(Command::Bridge {
        leg: one,
        other: bob.leg,
    });
    // One that is bridged already is bridged no more.
    let third = world.leg(14, Codec::Pcmu);
    let mut carol = Party::new(third, Codec::Pcmu, 660.0);
    let fourth = recorder(&mut world, 15, Codec::Pcmu);
    world.order(Command::Bridge {
        leg: third,
        other: fourth,
    });
    world.order(Command::Copy {
        leg: alice.leg,
        track: Track::Inbound,
        to: fourth,
    });
    world.talk(&mut [&mut alice, &mut bob, &mut carol], ms(2000));
    for (leg, hz) in [(one, 440.0), (other, 900.0), (fourth, 440.0)] {
        assert_whole(&world.sent_on(leg));
        assert!(is_tone(&world.heard_by(leg, 0, Codec::Pcmu)[800..], hz));
    }
    let heard = world.heard_by(alice.leg, 0, Codec::Pcmu);
    assert!(is_tone(&heard, 900.0), "the bridge that there was goes on");
}

#[test]
fn a_line_whose_leader_has_ended_is_free_for_a_bridge() {
    for moved in [false, true] {
        let (mut world, mut alice, mut bob, [one, _]) = recorded(Codec::Pcmu);
        world.talk(&mut [&mut alice, &mut bob], ms(200));
        // One that is on its way from another thread hears nothing of its leader's end.
        let line = moved.then(|| world.shard.take_leg(one).unwrap());
        world.order(Command::CloseLeg { leg: alice.leg });
        let now = world.now();
        if let Some(line) = line {
            world.shard.insert_leg(now, line, &mut world.net);
        }
        world.order(Command::Bridge {
            leg: one,
            other: bob.leg,
        });
        let before = world.sent_on(one).len();
        world.talk(&mut [&mut bob], ms(1000));
        assert!(world.sent_on(one).len() >= before + 48, "{moved}");
        assert!(is_tone(&world.heard_by(one, 0, Codec::Pcmu)[3200..], 900.0));
    }
}

#[test]
fn who_will_send_a_packet_on_is_known_before_it_comes() {
    let (world, alice, bob, [heard, said]) = recorded(Codec::Pcmu);
    let gone = LegId(99);
    for (next, will_send) in [
        (alice.leg, vec![bob.leg, heard]),
        (bob.leg, vec![alice.leg, said]),
        (heard, vec![]),
        (gone, vec![]),
    ] {
        let mut legs = vec![next];
        world.shard.look_ahead(&mut legs);
        assert_eq!(legs, [vec![next], will_send].concat());
    }
}
