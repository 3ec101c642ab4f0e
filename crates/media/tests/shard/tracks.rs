//! Which audio is on which track, seen from the leg that carries the fork: inbound is what we
//! receive from it, outbound what we send to it, whoever made it.

use bridgetap_media::{Codec, Command, Direction, LegId, PlayId, RecordId, Track};

use crate::world::*;

#[test]
fn each_fork_hears_its_own_leg_inbound_and_the_other_outbound() {
    for (a_codec, b_codec) in [
        (Codec::Pcmu, Codec::Pcmu),
        (Codec::Pcma, Codec::Pcmu),
        (Codec::G722, Codec::Pcma),
        (Codec::G722, Codec::G722),
    ] {
        let mut world = World::new();
        let (a, b) = (world.leg(1, a_codec), world.leg(2, b_codec));
        world.order(Command::Bridge { leg: a, other: b });
        let (mut alice, mut bob) = (Party::new(a, a_codec, 440.0), Party::new(b, b_codec, 900.0));
        let on_a = world.open_fork(a, 1, &Track::ALL);
        let on_b = world.open_fork(b, 2, &Track::ALL);
        world.talk(&mut [&mut alice, &mut bob], ms(2000));
        for (fork, track, hz) in [
            (on_a, Track::Inbound, 440.0),
            (on_a, Track::Outbound, 900.0),
            (on_b, Track::Inbound, 900.0),
            (on_b, Track::Outbound, 440.0),
        ] {
            let audio = heard(&world.track(fork, track));
            assert!(audio.len() >= 15_000, "{} samples", audio.len());
            assert!(
                is_tone(&audio[800..], hz),
                "{a_codec:?} {b_codec:?} {fork:?} {track:?} {:?}",
                purity(&audio[800..], hz)
            );
        }
    }
}

/// Prompt, bridge, hold, resume with another codec, another party: the tracks keep their meaning.
#[test]
fn tracks_keep_their_meaning_through_a_whole_call() {
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
    let mut begun = [0, 0];
    // What was sent since the last look, less a tenth of a second at its start.
    let mut since = |world: &World| {
        let mut parts = Vec::new();
        for (track, begun) in Track::ALL.into_iter().zip(&mut begun) {
            let audio = heard(&world.track(fork, track));
            parts.push(audio[*begun + 1600..].to_vec());
            *begun = audio.len();
        }
        (parts.remove(0), parts.remove(0))
    };

    world.order(Command::Play {
        leg: a,
        play: PlayId(1),
        prompts: vec![prompt(700.0, ms(2000))],
        loops: 1,
    });
    world.talk(&mut [&mut alice, &mut bob, &mut carol], ms(1900));
    let (inbound, outbound) = since(&world);
    assert!(
        is_tone(&inbound, 440.0) && is_tone(&outbound, 700.0),
        "prompt"
    );

    world.order(Command::StopPlay { leg: a });
    world.order(Command::Bridge { leg: a, other: b });
    world.talk(&mut [&mut alice, &mut bob, &mut carol], ms(1900));
    let (inbound, outbound) = since(&world);
    assert!(
        is_tone(&inbound, 440.0) && is_tone(&outbound, 900.0),
        "bridge"
    );

    let mut hold = media(1, Codec::Pcmu);
    hold.direction = Direction::SendOnly;
    world.configure(a, hold);
    world.talk(&mut [&mut alice, &mut bob, &mut carol], ms(1900));
    let (inbound, outbound) = since(&world);
    assert!(is_silent(&inbound) && is_tone(&outbound, 900.0), "hold");

    world.configure(a, media(1, Codec::Pcma));
    alice.codec = Codec::Pcma;
    world.order(Command::Bridge { leg: a, other: c });
    world.talk(&mut [&mut alice, &mut bob, &mut carol], ms(1900));
    let (inbound, outbound) = since(&world);
    assert!(
        is_tone(&inbound, 440.0) && is_tone(&outbound, 1500.0),
        "another party, another codec"
    );

    world.order(Command::Unbridge { leg: a });
    world.talk(&mut [&mut alice, &mut bob, &mut carol], ms(1900));
    let (inbound, outbound) = since(&world);
    assert!(is_tone(&inbound, 440.0) && is_silent(&outbound), "alone");
}

#[test]
fn both_tracks_run_at_fifty_chunks_a_second_side_by_side() {
    let mut world = World::new();
    let a = world.leg(1, Codec::Pcmu);
    let fork = world.open_fork(a, 1, &Track::ALL);
    world.run(ms(10_000)); // nothing flows
    let mut alice = Party::new(a, Codec::Pcmu, 440.0);
    world.talk(&mut [&mut alice], ms(10_000));
    let count = |track: Track| world.track(fork, track).len() / 160;
    let (inbound, outbound) = (count(Track::Inbound), count(Track::Outbound));
    assert!(
        (995..=1000).contains(&inbound) && (995..=1000).contains(&outbound),
        "{inbound} {outbound}"
    );

    // The same chunk number means the same time on both tracks.
    let messages = world.messages(fork);
    let stamp = |track: &str, chunk: usize| {
        let chunk = &chunk.to_string();
        messages
            .iter()
            .find(|m| m["media"]["track"] == track && m["media"]["chunk"] == chunk.as_str())
            .map(|m| m["media"]["timestamp"].clone())
    };
    for chunk in (1..995).step_by(50) {
        assert!(stamp("inbound", chunk).is_some());
        assert_eq!(
            stamp("inbound", chunk),
            stamp("outbound", chunk),
            "chunk {chunk}"
        );
    }
}

/// The far end of a bridged call speaks with every packet length; each fork still gets 20 ms.
#[test]
fn packet_lengths_of_peers_do_not_show() {
    for ptime in [10, 30, 40, 60] {
        let mut world = World::new();
        let (a, b) = (world.leg(1, Codec::Pcmu), world.leg(2, Codec::Pcmu));
        world.order(Command::Bridge { leg: a, other: b });
        let mut alice = Party::new(a, Codec::Pcmu, 500.0);
        alice.ptime = ptime;
        let inbound = world.open_fork(a, 1, &[Track::Inbound]);
        let outbound = world.open_fork(b, 2, &[Track::Outbound]);
        world.talk(&mut [&mut alice], ms(3000));
        for (fork, track) in [(inbound, Track::Inbound), (outbound, Track::Outbound)] {
            let audio = heard(&world.track(fork, track));
            assert!(
                is_tone(&audio[800..], 500.0),
                "{ptime} {track:?} {:?}",
                purity(&audio[800..], 500.0)
            );
        }
    }
}

#[test]
fn a_recording_has_one_channel_a_track_in_the_order_asked() {
    let mut world = World::new();
    let (a, b) = (world.leg(1, Codec::Pcmu), world.leg(2, Codec::Pcma));
    world.order(Command::Bridge { leg: a, other: b });
    let (mut alice, mut bob) = (
        Party::new(a, Codec::Pcmu, 440.0),
        Party::new(b, Codec::Pcma, 900.0),
    );
    let order = |record, tracks: &[Track]| Command::StartRecord {
        leg: a,
        record: RecordId(record),
        tracks: tracks.to_vec(),
    };
    world.order(order(1, &[Track::Outbound, Track::Inbound]));
    world.order(order(2, &[Track::Inbound]));
    world.talk(&mut [&mut alice, &mut bob], ms(2000));
    world.order(Command::StopRecord {
        record: RecordId(1),
    });
    world.order(Command::StopRecord {
        record: RecordId(1),
    });
    world.order(Command::CloseLeg { leg: a });

    let (channels, samples) = &world.net.samples[&RecordId(1)];
    assert_eq!(*channels, 2);
    let channel = |n| {
        samples[n..]
            .iter()
            .step_by(2)
            .copied()
            .collect::<Vec<i16>>()
    };
    assert!((15_200..=16_000).contains(&channel(0).len()));
    assert!(is_tone(&channel(0)[800..], 900.0));
    assert!(is_tone(&channel(1)[800..], 440.0));
    let (channels, samples) = &world.net.samples[&RecordId(2)];
    assert_eq!(*channels, 1);
    assert!(is_tone(&samples[800..], 440.0));
    assert_eq!(world.net.ended_records, [RecordId(1), RecordId(2)]);
    world.order(Command::StartRecord {
        leg: LegId(77),
        record: RecordId(3),
        tracks: vec![Track::Inbound],
    });
    assert_eq!(world.net.ended_records.len(), 3);
}
