//! Keys between parties, from us, and in the audio.

use bridgetap_media::{Codec, Command, LegId, LegMedia, MediaEvent, PlayId, Track};

use crate::world::*;

/// A key as a phone sends it: updates and three ends.
fn press(
    world: &mut World,
    leg: LegId,
    payload_type: u8,
    sequence: &mut u16,
    timestamp: u32,
    code: u8,
) {
    for n in 1..=8_u16 {
        let end = if n > 5 { 0x80 } else { 0 };
        let [high, low] = (n.min(5) * 160).to_be_bytes();
        let from = address(4000 + 2 * leg.0 as u16);
        world.receive(
            leg,
            from,
            rtp(
                payload_type,
                *sequence,
                timestamp,
                7,
                &[code, end | 10, high, low],
            ),
        );
        *sequence += 1;
        world.run(ms(20));
    }
}

fn without_events(id: u64) -> LegMedia {
    let mut media = media(id, Codec::Pcmu);
    media.telephone_event = None;
    media
}

#[test]
fn a_key_is_told_once_and_crosses_with_the_peers_payload_type() {
    let mut world = World::new();
    let (a, b) = (world.leg(1, Codec::Pcmu), world.leg(2, Codec::Pcma));
    world.order(Command::Bridge { leg: a, other: b });
    let mut sequence = 65_530;
    press(&mut world, a, 101, &mut 1, 8000, 5);
    press(&mut world, a, 101, &mut 9, 16_000, 11);
    let _ = &mut sequence;
    assert_eq!(world.pressed(a), "5#");
    assert!(world.events().iter().any(|event| matches!(
        event,
        MediaEvent::DtmfPressed {
            digit: '5',
            duration_ms: 100,
            inband: false,
            ..
        }
    )));
    let sent = world.sent_on(b);
    assert_eq!(sent.len(), 16);
    assert!(sent.iter().all(|packet| packet.payload_type() == 102));
    assert_eq!(sent[0].payload(), [5, 10, 0, 160]);
    assert_eq!(sent[7].payload(), [5, 138, 3, 32]);
    assert!(
        sent[..8]
            .iter()
            .all(|packet| packet.timestamp() == sent[0].timestamp())
    );
}

#[test]
fn a_peer_without_events_hears_the_key_as_a_tone() {
    let mut world = World::new();
    let (a, b) = (world.leg(1, Codec::Pcmu), world.leg(2, Codec::Pcmu));
    world.configure(b, without_events(2));
    world.order(Command::Bridge { leg: a, other: b });
    press(&mut world, a, 101, &mut 1, 8000, 9);
    world.run(ms(300));
    // Another shard listens to what B was sent.
    let mut far = World::new();
    let leg = far.leg(1, Codec::Pcmu);
    far.configure(leg, without_events(1));
    for packet in world.sent_on(b) {
        far.receive(
            leg,
            address(4002),
            rtp(
                0,
                packet.sequence(),
                packet.timestamp(),
                9,
                packet.payload(),
            ),
        );
        far.run(ms(20));
    }
    far.run(ms(300));
    assert_eq!(far.pressed(leg), "9");
    assert!(
        far.events()
            .iter()
            .any(|e| matches!(e, MediaEvent::DtmfPressed { inband: true, .. }))
    );
}

#[test]
fn keys_we_send_arrive_as_events_or_as_tones() {
    for events in [true, false] {
        let (mut world, mut far) = (World::new(), World::new());
        let (leg, heard) = (world.leg(1, Codec::Pcmu), far.leg(1, Codec::Pcmu));
        if !events {
            world.configure(leg, without_events(1));
            far.configure(heard, without_events(1));
        }
        world.order(Command::SendDtmf {
            leg,
            play: PlayId(1),
            digits: "1w2*#aD".into(),
            duration_ms: 100,
            gap_ms: 70,
        });
        world.run(ms(3000));
        assert_eq!(world.play_ends(), [(PlayId(1), true)]);
        let sent = world.sent_on(leg);
        assert!(
            sent.iter()
                .all(|packet| (packet.payload_type() == 101) == events)
        );
        for packet in sent {
            far.run_to(packet.at);
            let mut datagram = packet.bytes.clone();
            datagram[8..12].copy_from_slice(&[0, 0, 0, 9]);
            far.receive(heard, address(4002), datagram);
        }
        far.run(ms(500));
        assert_eq!(far.pressed(heard), "12*#AD", "events: {events}");
    }
}

#[test]
fn tones_are_only_listened_to_where_no_event_was_agreed_or_it_is_asked_for() {
    let tones = {
        let mut world = World::new();
        let leg = world.leg(1, Codec::Pcmu);
        world.configure(leg, without_events(1));
        world.order(Command::SendDtmf {
            leg,
            play: PlayId(1),
            digits: "42".into(),
            duration_ms: 100,
            gap_ms: 70,
        });
        world.run(ms(1000));
        world.sent_on(leg)
    };
    for (events, asked, expected) in [(true, false, ""), (true, true, "42"), (false, false, "42")] {
        let mut world = World::new();
        let leg = world.leg(1, Codec::Pcmu);
        let mut agreed = if events {
            media(1, Codec::Pcmu)
        } else {
            without_events(1)
        };
        agreed.inband_dtmf = asked;
        world.configure(leg, agreed);
        for packet in &tones {
            world.run_to(packet.at);
            world.receive(leg, address(4002), packet.bytes.clone());
        }
        world.run(ms(300));
        assert_eq!(
            world.pressed(leg),
            expected,
            "events {events}, asked {asked}"
        );
    }
}

/// Some gateways send a key both ways: it is one key.
#[test]
fn a_key_sent_both_ways_is_one_key() {
    let mut world = World::new();
    let leg = world.leg(1, Codec::Pcmu);
    let mut agreed = media(1, Codec::Pcmu);
    agreed.inband_dtmf = true;
    world.configure(leg, agreed);
    press(&mut world, leg, 101, &mut 1, 8000, 4);
    let mut tones = World::new();
    let other = tones.leg(1, Codec::Pcmu);
    tones.configure(other, without_events(1));
    tones.order(Command::SendDtmf {
        leg: other,
        play: PlayId(1),
        digits: "4".into(),
        duration_ms: 100,
        gap_ms: 70,
    });
    tones.run(ms(500));
    for (n, packet) in tones.sent_on(other).iter().enumerate() {
        world.receive(
            leg,
            address(4002),
            rtp(
                0,
                20 + n as u16,
                20_000 + 160 * n as u32,
                7,
                packet.payload(),
            ),
        );
        world.run(ms(20));
    }
    world.run(ms(300));
    assert_eq!(world.pressed(leg), "4");
}

#[test]
fn while_an_event_replaces_audio_the_track_is_silent_and_on_time() {
    let mut world = World::new();
    let leg = world.leg(1, Codec::Pcmu);
    let mut alice = Party::new(leg, Codec::Pcmu, 440.0);
    alice.ssrc = 7;
    let fork = world.open_fork(leg, 1, &[Track::Inbound]);
    world.talk(&mut [&mut alice], ms(1000));
    let mut sequence = alice.sequence;
    press(&mut world, leg, 101, &mut sequence, alice.timestamp, 1);
    alice.sequence = sequence;
    alice.pause(ms(160));
    alice.due = world.net.now;
    world.talk(&mut [&mut alice], ms(1000));
    let audio = heard(&world.track(fork, Track::Inbound));
    assert!(audio.len().abs_diff(2160 * 8) <= 640, "{}", audio.len());
    assert!(is_tone(&audio[800..7200], 440.0));
    assert!(is_silent(&audio[8400..8900]));
    assert!(is_tone(&audio[9800..], 440.0));
    assert_eq!(world.pressed(leg), "1");
}

#[test]
fn a_key_whose_end_never_comes_is_told_all_the_same() {
    let mut world = World::new();
    let leg = world.leg(1, Codec::Pcmu);
    world.receive(leg, address(4002), rtp(101, 1, 0, 7, &[3, 10, 1, 64]));
    world.run(ms(1000));
    assert_eq!(world.pressed(leg), "3");
}

/// A bridge whose second party must hear keys as tones.
fn bridge(world: &mut World) -> (LegId, LegId) {
    let (a, b) = (world.leg(1, Codec::Pcmu), world.leg(2, Codec::Pcmu));
    world.configure(b, without_events(2));
    world.order(Command::Bridge { leg: a, other: b });
    (a, b)
}

/// So many keys, each by its last packet alone, 20 ms apart.
fn flood(world: &mut World, leg: LegId, count: u16) {
    let from = address(4000 + 2 * leg.0 as u16);
    for n in 0..count {
        let packet = rtp(101, n, u32::from(n) * 160, 7, &[5, 0x80, 0, 160]);
        world.receive(leg, from, packet);
        world.run(ms(20));
    }
}

#[test]
fn keys_pressed_while_a_far_end_speaks_are_not_heard_after_it() {
    let mut world = World::new();
    let (a, b) = bridge(&mut world);
    let fork = world.fork_with(b, 1, &[Track::Inbound], |target| {
        target.bidirectional = true
    });
    world.open(fork);
    flood(&mut world, a, 50);
    assert_eq!(world.pressed(a).len(), 50);
    world.order(Command::StopFork { fork });
    world.run(ms(100));
    let before = world.sent_on(b).len();
    world.run(ms(5000));
    assert_eq!(world.sent_on(b).len(), before);
}

#[test]
fn a_flood_of_keys_behind_a_prompt_is_bounded() {
    let mut world = World::new();
    let (a, b) = bridge(&mut world);
    world.order(Command::Play {
        leg: b,
        play: PlayId(1),
        prompts: vec![prompt(500.0, ms(10_000))],
        loops: 1,
    });
    flood(&mut world, a, 490);
    world.run(ms(300));
    assert_eq!(world.play_ends(), [(PlayId(1), true)]);
    let before = world.sent_on(b).len();
    world.run(ms(100_000));
    // Each key is three packets.
    let tones = world.sent_on(b).len() - before;
    assert!((60..=100).contains(&tones), "{tones}");
}
