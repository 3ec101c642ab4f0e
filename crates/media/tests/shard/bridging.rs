//! Two parties hear each other, each as one unbroken RTP stream.

use bridgetap_media::{Codec, Command, Direction, MediaEvent, PlayId};

use crate::world::*;

fn bridged(a: Codec, b: Codec) -> (World, Party, Party) {
    let mut world = World::new();
    let (one, other) = (world.leg(1, a), world.leg(2, b));
    world.order(Command::Bridge { leg: one, other });
    (
        world,
        Party::new(one, a, 440.0),
        Party::new(other, b, 900.0),
    )
}

#[test]
fn packets_cross_untouched_when_the_codec_is_the_same() {
    for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722] {
        let (mut world, mut a, mut b) = bridged(codec, codec);
        let mut said = [a.clone(), b.clone()];
        world.talk(&mut [&mut a, &mut b], ms(1000));
        for (said, to) in said.iter_mut().zip([&b, &a]) {
            let sent = world.sent_on(to.leg);
            assert_eq!(sent.len(), 50);
            for packet in &sent {
                let (_, _, original) = said.packet();
                assert_eq!(packet.payload(), &original[12..]);
                assert_eq!(packet.to, to.address);
                assert_eq!(packet.ssrc(), 0xB000 + to.leg.0 as u32);
            }
        }
    }
}

#[test]
fn every_pair_of_codecs_hears_each_other() {
    for a_codec in [Codec::Pcmu, Codec::Pcma, Codec::G722] {
        for b_codec in [Codec::Pcmu, Codec::Pcma] {
            let (mut world, mut a, mut b) = bridged(a_codec, b_codec);
            world.talk(&mut [&mut a, &mut b], ms(2000));
            let b_hears = world.heard_by(b.leg, payload_type(b_codec), b_codec);
            assert!(
                is_tone(&b_hears[1600..], 440.0),
                "{a_codec:?} to {b_codec:?}"
            );
            let packets = world.sent_on(a.leg);
            assert!(
                packets
                    .iter()
                    .all(|p| p.payload_type() == payload_type(a_codec))
            );
            if a_codec != Codec::G722 {
                let a_hears = world.heard_by(a.leg, payload_type(a_codec), a_codec);
                assert!(
                    is_tone(&a_hears[1600..], 900.0),
                    "{b_codec:?} to {a_codec:?}"
                );
            }
        }
    }
}

/// G.711 to G.722: what our encoder made is fed to another leg and comes out as the tone.
#[test]
fn a_wideband_party_hears_a_narrowband_one() {
    let (mut world, mut a, _) = bridged(Codec::Pcmu, Codec::G722);
    world.talk(&mut [&mut a], ms(2000));
    let wideband = world.sent_on(bridgetap_media::LegId(2));
    assert_eq!(wideband.len(), 100);
    let mut back = World::new();
    let (leg, other) = (back.leg(1, Codec::G722), back.leg(2, Codec::Pcmu));
    back.order(Command::Bridge { leg, other });
    for packet in wideband {
        back.receive(
            leg,
            address(4002),
            rtp(
                9,
                packet.sequence(),
                packet.timestamp(),
                5,
                packet.payload(),
            ),
        );
        back.run(ms(20));
    }
    assert!(is_tone(
        &back.heard_by(other, 0, Codec::Pcmu)[1600..],
        440.0
    ));
}

#[test]
fn prompt_party_prompt_other_party_is_one_stream() {
    let mut world = World::new();
    let (a, b, c) = (
        world.leg(1, Codec::Pcmu),
        world.leg(2, Codec::Pcmu),
        world.leg(3, Codec::Pcma),
    );
    let play = |n| Command::Play {
        leg: a,
        play: PlayId(n),
        prompts: vec![prompt(700.0, ms(500))],
        loops: 1,
    };
    let (mut bob, mut carol) = (
        Party::new(b, Codec::Pcmu, 440.0),
        Party::new(c, Codec::Pcma, 900.0),
    );
    world.order(play(1));
    world.run(ms(633));
    world.order(Command::Bridge { leg: a, other: b });
    world.talk(&mut [&mut bob, &mut carol], ms(1000));
    world.order(play(2)); // replaces Bob while it lasts
    world.talk(&mut [&mut bob, &mut carol], ms(1000));
    world.order(Command::Unbridge { leg: a });
    world.talk(&mut [&mut bob, &mut carol], ms(300));
    world.order(Command::Bridge { leg: a, other: c });
    world.talk(&mut [&mut bob, &mut carol], ms(1000));

    let sent = world.sent_on(a);
    let mut marks = Vec::new();
    for pair in sent.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        assert_eq!(after.sequence(), before.sequence().wrapping_add(1));
        assert_eq!(after.ssrc(), before.ssrc());
        // RTP time follows real time through every change: never more than one packet off.
        let ticks = i64::from(after.timestamp().wrapping_sub(before.timestamp()) as i32);
        let real = (after.at - before.at).as_millis() as i64 * 8;
        assert!(
            (ticks - real).abs() <= 160,
            "{ticks} for {real} at {:?}",
            after.at
        );
        if after.marker() {
            marks.push(after.at.as_millis());
        }
    }
    assert!(sent[0].marker());
    // Bob, the second prompt, Bob again, Carol: and nothing else starts a talk spurt.
    assert_eq!(marks.len(), 4, "{marks:?}");
    assert_eq!(world.play_ends(), [(PlayId(1), true), (PlayId(2), true)]);
    let whole = (sent.last().unwrap().at - sent[0].at).as_millis() as i64 * 8;
    let ticks = i64::from(
        sent.last()
            .unwrap()
            .timestamp()
            .wrapping_sub(sent[0].timestamp()),
    );
    assert!((whole - ticks).abs() <= 320, "{whole} {ticks}");
}

#[test]
fn hold_stops_what_may_not_flow_and_resume_starts_it_without_a_gap_in_numbers() {
    let (mut world, mut a, mut b) = bridged(Codec::Pcmu, Codec::Pcmu);
    world.talk(&mut [&mut a, &mut b], ms(500));
    let hold = |direction| {
        let mut media = media(1, Codec::Pcmu);
        media.direction = direction;
        media
    };
    for (direction, to_a, to_b) in [
        (Direction::SendOnly, 25, 0),
        (Direction::RecvOnly, 0, 25),
        (Direction::Inactive, 0, 0),
        (Direction::SendRecv, 25, 25),
    ] {
        world.configure(a.leg, hold(direction));
        let before = (world.sent_on(a.leg).len(), world.sent_on(b.leg).len());
        world.talk(&mut [&mut a, &mut b], ms(500));
        let sent = (
            world.sent_on(a.leg).len() - before.0,
            world.sent_on(b.leg).len() - before.1,
        );
        assert_eq!(sent, (to_a, to_b), "{direction:?}");
    }
    let sent = world.sent_on(a.leg);
    assert!(
        sent.windows(2)
            .all(|p| p[1].sequence() == p[0].sequence().wrapping_add(1))
    );
    let resumed = sent
        .windows(2)
        .find(|p| p[1].at - p[0].at > ms(400))
        .unwrap();
    assert!(resumed[1].marker());
}

#[test]
fn what_a_peer_cannot_be_sent_leaves_no_gap_in_its_numbers() {
    let (mut world, a, b) = bridged(Codec::Pcmu, Codec::Pcmu);
    for n in 0..10_u16 {
        let kind = if n % 3 == 2 { 13 } else { 0 };
        world.receive(
            a.leg,
            a.address,
            rtp(kind, n, u32::from(n) * 160, 7, &[0xFF; 160]),
        );
        world.run(ms(20));
    }
    let sent = world.sent_on(b.leg);
    assert_eq!(sent.len(), 7, "comfort noise was not agreed with B");
    assert!(
        sent.windows(2)
            .all(|p| p[1].sequence() == p[0].sequence().wrapping_add(1))
    );
}

#[test]
fn header_extensions_padding_and_csrcs_do_not_cross() {
    let (mut world, a, b) = bridged(Codec::Pcmu, Codec::Pcmu);
    let mut packet = rtp(0, 1, 0, 7, &[1, 2, 3, 4]); // one CSRC
    packet[0] = 0xB1;
    packet.extend([0xBE, 0xDE, 0, 1, 9, 9, 9, 9]);
    packet.extend([0x55; 160]);
    packet.extend([0, 0, 0, 4]);
    world.receive(a.leg, a.address, packet);
    let sent = world.sent_on(b.leg);
    assert_eq!(sent[0].bytes[0], 0x80);
    assert_eq!(sent[0].payload(), [0x55; 160]);
}

#[test]
fn strangers_and_garbage_are_counted_and_change_nothing() {
    let (mut world, mut a, b) = bridged(Codec::Pcmu, Codec::Pcmu);
    world.talk(&mut [&mut a], ms(200));
    for n in 0..20_u16 {
        world.receive(a.leg, address(31_337), rtp(0, 500 + n, 0, 66, &[0x11; 160]));
        world.receive(a.leg, a.address, vec![0x80; usize::from(n) % 12]);
        world.receive(a.leg, a.address, rtp(77, n, 0, 7, &[0; 160]));
    }
    world.talk(&mut [&mut a], ms(1200));
    let sent = world.sent_on(b.leg);
    assert_eq!(sent.len(), 70);
    assert!(
        sent.iter()
            .all(|packet| packet.payload()[..] != [0x11; 160])
    );
    let stats = world
        .net
        .stats
        .iter()
        .rfind(|stats| stats.leg == a.leg)
        .unwrap();
    assert_eq!((stats.refused_source, stats.malformed), (20, 40));
    assert_eq!(stats.remote, Some(a.address));
}

#[test]
fn answers_go_where_the_peer_really_is() {
    let (mut world, mut a, mut b) = bridged(Codec::Pcmu, Codec::Pcmu);
    b.address = address(50_000); // behind a NAT
    world.talk(&mut [&mut a, &mut b], ms(100));
    assert_eq!(world.sent_on(b.leg).last().unwrap().to, address(50_000));
    let mut moved = media(2, Codec::Pcmu);
    moved.remote = address(6000);
    world.configure(b.leg, moved);
    world.talk(&mut [&mut a], ms(100));
    assert_eq!(world.sent_on(b.leg).last().unwrap().to, address(6000));
}

#[test]
fn a_closed_leg_frees_its_peer() {
    let (mut world, mut a, mut b) = bridged(Codec::Pcmu, Codec::Pcmu);
    world.talk(&mut [&mut a, &mut b], ms(100));
    world.order(Command::CloseLeg { leg: a.leg });
    world.order(Command::CloseLeg { leg: a.leg });
    world.talk(&mut [&mut a, &mut b], ms(100));
    let closed = world
        .events()
        .iter()
        .filter(|event| matches!(event, MediaEvent::LegClosed { .. }))
        .count();
    assert_eq!((closed, world.shard.leg_count()), (1, 1));
    assert_eq!(world.sent_on(b.leg).len(), 5);
}

#[test]
fn a_codec_change_in_the_middle_is_heard_at_once() {
    let (mut world, mut a, _) = bridged(Codec::Pcmu, Codec::Pcmu);
    let b = bridgetap_media::LegId(2);
    world.talk(&mut [&mut a], ms(500));
    world.configure(b, media(2, Codec::Pcma));
    world.talk(&mut [&mut a], ms(500));
    let sent = world.sent_on(b);
    assert!(
        sent.windows(2)
            .all(|p| p[1].sequence() == p[0].sequence().wrapping_add(1))
    );
    assert!(is_tone(&world.heard_by(b, 0, Codec::Pcmu), 440.0));
    assert!(is_tone(&world.heard_by(b, 8, Codec::Pcma), 440.0));
}
