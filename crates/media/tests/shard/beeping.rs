//! The beep of who is recorded: what a party hears of it, and who does not.

use std::time::Duration;

use bridgetap_media::{Codec, Command, Direction, LegId, PlayId, Shard, ShardConfig, Track};

use crate::world::*;

pub const BEEP: f64 = 1400.0;
const G711: [Codec; 2] = [Codec::Pcmu, Codec::Pcma];

/// Alice and Bob on one bridge; Alice is told by a beep.
pub fn beeped(codec: Codec) -> (World, Party, Party) {
    let mut world = World::new();
    let (a, b) = (world.leg(1, codec), world.leg(2, codec));
    world.order(Command::Bridge { leg: a, other: b });
    world.order(Command::Beep { leg: a });
    (
        world,
        Party::new(a, codec, 440.0),
        Party::new(b, codec, 900.0),
    )
}

/// What a leg was sent, at the place its timestamps give it, from the first packet on.
pub fn timeline(world: &World, leg: LegId, codec: Codec) -> Vec<i16> {
    let sent = world.sent_on(leg);
    let first = sent[0].timestamp();
    let mut heard = Vec::new();
    for packet in sent
        .iter()
        .filter(|p| p.payload_type() == payload_type(codec))
    {
        let at = packet.timestamp().wrapping_sub(first) as usize;
        let samples = decode(codec, packet.payload());
        heard.resize(heard.len().max(at + samples.len()), 0);
        heard[at..at + samples.len()].copy_from_slice(&samples);
    }
    heard
}

/// The peak of a tone in these samples.
pub fn peak(samples: &[i16], hz: f64) -> f64 {
    let (part, rms) = purity(samples, hz);
    part.sqrt() * rms * 2.0_f64.sqrt()
}

/// When each beep begins and how long it is, both in ms, to 10 ms.
pub fn beeps(samples: &[i16]) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (n, window) in samples.chunks_exact(80).enumerate() {
        if peak(window, BEEP) < 1500.0 {
            continue;
        }
        match found.last_mut() {
            Some((at, length)) if *at + *length == n * 10 => *length += 10,
            _ => found.push((n * 10, 10)),
        }
    }
    found
}

pub fn assert_cadence(found: &[(usize, usize)], count: usize, first: usize) {
    assert_eq!(found.len(), count, "{found:?}");
    for (n, (at, length)) in found.iter().enumerate() {
        // The next begins with the packet after 15 seconds.
        let late = at.wrapping_sub(first + 15_000 * n);
        assert!(late <= 200 * n, "{found:?}");
        assert!((490..=510).contains(length), "{found:?}");
    }
}

fn assert_one_stream(sent: &[Sent]) {
    for pair in sent.windows(2) {
        assert_eq!(pair[1].sequence(), pair[0].sequence().wrapping_add(1));
        let ticks = i64::from(pair[1].timestamp().wrapping_sub(pair[0].timestamp()) as i32);
        let real = (pair[1].at - pair[0].at).as_millis() as i64 * 8;
        assert!(
            (ticks - real).abs() <= 160,
            "{ticks} for {real} at {:?}",
            pair[1].at
        );
    }
}

#[test]
fn it_is_heard_under_the_words_every_quarter_of_a_minute() {
    for codec in G711 {
        for ptime in [10, 20, 30, 60, 200] {
            let (mut world, mut alice, mut bob) = beeped(codec);
            bob.ptime = ptime;
            world.talk(&mut [&mut alice, &mut bob], ms(48_000));
            let heard = timeline(&world, alice.leg, codec);
            assert_cadence(&beeps(&heard), 4, 0);
            let (beep, rest) = (&heard[80..3920], &heard[4080..100_000]);
            assert!(
                (peak(beep, BEEP) - 2270.0).abs() < 60.0,
                "{}",
                peak(beep, BEEP)
            );
            assert!(
                (peak(beep, 900.0) - 8000.0).abs() < 200.0,
                "the words go on: {}",
                peak(beep, 900.0)
            );
            assert!(is_tone(rest, 900.0));
            // In phase from the first sample to the last: nothing of the tone is lost to cuts.
            let (voice, _) = purity(beep, 900.0);
            let (tone, _) = purity(beep, BEEP);
            assert!(voice + tone > 0.998, "{codec:?} {ptime}: {}", voice + tone);
            assert!(
                is_tone(&timeline(&world, bob.leg, codec), 440.0),
                "Bob is not beeped at"
            );
        }
    }
}

#[test]
fn outside_of_it_packets_go_on_as_they_came() {
    for codec in G711 {
        let (mut world, mut alice, mut bob) = beeped(codec);
        let mut said = bob.clone();
        world.talk(&mut [&mut alice, &mut bob], ms(16_000));
        let sent = world.sent_on(alice.leg);
        let (mut beeped, mut untouched) = (0, 0);
        for packet in &sent {
            let (_, _, original) = said.packet();
            match packet.payload() == &original[12..] {
                true => untouched += 1,
                false => beeped += 1,
            }
        }
        assert_eq!((sent.len(), beeped), (800, 50), "{codec:?}");
        assert_eq!(untouched, 750);
    }
}

#[test]
fn it_is_the_same_through_lost_and_overtaken_packets() {
    let (mut world, _, mut bob) = beeped(Codec::Pcmu);
    let alice = LegId(1);
    let mut packets: Vec<_> = (0..30).map(|_| bob.packet()).collect();
    packets.swap(5, 6);
    packets.remove(12);
    for (leg, from, datagram) in packets {
        world.receive(leg, from, datagram);
        world.run(ms(20));
    }
    let heard = timeline(&world, alice, Codec::Pcmu);
    for part in [&heard[..12 * 160], &heard[13 * 160..4000]] {
        let (voice, tone) = (purity(part, 900.0).0, purity(part, BEEP).0);
        assert!(voice + tone > 0.99, "{voice} and {tone}");
    }
    assert!(is_tone(&heard[4000..], 900.0));
}

#[test]
fn where_nobody_speaks_it_is_sent_alone() {
    for (codec, ptime) in [(Codec::Pcmu, 20), (Codec::Pcma, 20), (Codec::Pcmu, 60)] {
        let mut world = World::new();
        let leg = world.leg(1, codec);
        let mut agreed = media(1, codec);
        agreed.ptime_ms = ptime;
        world.configure(leg, agreed);
        world.run(ms(1000));
        world.order(Command::Beep { leg });
        world.run(ms(40_000));
        let sent = world.sent_on(leg);
        let packets = 500_usize.div_ceil(ptime as usize);
        assert_eq!(sent.len(), 3 * packets, "{codec:?}");
        let starts: Vec<u128> = sent
            .iter()
            .filter(|p| p.marker())
            .map(|p| p.at.as_millis())
            .collect();
        assert_eq!(starts.len(), 3, "{starts:?}");
        for (n, at) in starts.iter().enumerate() {
            assert!(at.abs_diff(1250 + 15_000 * n as u128) <= 20, "{starts:?}");
        }
        assert!(sent.iter().all(|p| p.payload().len() == 8 * ptime as usize));
        assert_one_stream(&sent);
        let heard = timeline(&world, leg, codec);
        assert!((peak(&heard[..4000], BEEP) - 2270.0).abs() < 60.0);
        assert!(purity(&heard[..4000], BEEP).0 > 0.998);
        assert_cadence(&beeps(&heard), 3, 0);
    }
}

#[test]
fn words_that_begin_in_the_middle_take_it_over_and_when_they_end_it_goes_on() {
    let (mut world, mut alice, mut bob) = beeped(Codec::Pcmu);
    world.run(ms(250));
    world.talk(&mut [&mut alice], ms(240));
    let alone = world.sent_on(alice.leg).len();
    assert!((11..=13).contains(&alone), "{alone}");
    world.talk(&mut [&mut alice, &mut bob], ms(500));
    let heard = timeline(&world, alice.leg, Codec::Pcmu);
    assert_one_stream(&world.sent_on(alice.leg));
    assert_cadence(&beeps(&heard), 1, 0);
    // Then Bob holds his breath, and the next one comes all the same.
    world.talk(&mut [&mut alice], ms(20_000));
    assert_eq!(beeps(&timeline(&world, alice.leg, Codec::Pcmu)).len(), 2);
    assert_one_stream(&world.sent_on(alice.leg));
}

#[test]
fn prompts_and_keys_are_heard_under_it() {
    for codec in G711 {
        let mut world = World::new();
        let leg = world.leg(1, codec);
        world.order(Command::Beep { leg });
        world.order(Command::Play {
            leg,
            play: PlayId(1),
            prompts: vec![prompt(900.0, ms(2000))],
            loops: 1,
        });
        world.run(ms(5000));
        let heard = timeline(&world, leg, codec);
        assert_eq!(heard.len(), 16_000, "no packet of the beep's own");
        assert_cadence(&beeps(&heard), 1, 0);
        assert!((peak(&heard[80..3920], 900.0) - 8000.0).abs() < 200.0);
        assert!(is_tone(&heard[4000..], 900.0));
    }
}

#[test]
fn a_key_as_an_event_is_not_broken_by_it() {
    let mut world = World::new();
    let leg = world.leg(1, Codec::Pcmu);
    world.order(Command::Beep { leg });
    world.order(Command::SendDtmf {
        leg,
        play: PlayId(1),
        digits: "1".into(),
        duration_ms: 600,
        gap_ms: 100,
    });
    world.run(ms(3000));
    let sent = world.sent_on(leg);
    let audio = sent.iter().position(|p| p.payload_type() == 0).unwrap();
    assert!(sent[audio..].iter().all(|p| p.payload_type() == 0));
    assert!(
        sent[..audio]
            .iter()
            .all(|p| p.timestamp() == sent[0].timestamp())
    );
    assert_eq!(sent.len() - audio, 25, "and comes when the key is over");
}

/// The tracks are what was said; the beep is about them.
#[test]
fn no_track_has_it() {
    let (mut world, mut alice, mut bob) = beeped(Codec::Pcmu);
    let fork = world.open_fork(alice.leg, 1, &Track::ALL);
    let recorder = world.leg(11, Codec::Pcmu);
    world.order(Command::Copy {
        leg: alice.leg,
        track: Track::Outbound,
        to: recorder,
    });
    world.talk(&mut [&mut alice, &mut bob], ms(1000));
    assert_eq!(beeps(&timeline(&world, alice.leg, Codec::Pcmu)).len(), 1);
    let inbound = heard(&world.track(fork, Track::Inbound));
    let outbound = heard(&world.track(fork, Track::Outbound));
    assert!(is_tone(&inbound[800..], 440.0) && is_tone(&outbound[800..], 900.0));
    let recorded = world.heard_by(recorder, 0, Codec::Pcmu);
    assert!(is_tone(&recorded[800..], 900.0));
    assert!(peak(&recorded[800..4800], BEEP) < 30.0);
}

#[test]
fn sent_alone_it_is_silence_in_the_track() {
    let mut world = World::new();
    let leg = world.leg(1, Codec::Pcma);
    let fork = world.open_fork(leg, 1, &[Track::Outbound]);
    world.order(Command::Beep { leg });
    world.run(ms(2000));
    assert_eq!(world.sent_on(leg).len(), 25);
    let track = heard(&world.track(fork, Track::Outbound));
    assert!(track.len() > 15_000 && is_silent(&track));
}

#[test]
fn it_ends_at_once_and_begins_again_at_once() {
    let (mut world, mut alice, mut bob) = beeped(Codec::Pcmu);
    let leg = alice.leg;
    world.talk(&mut [&mut alice, &mut bob], ms(200));
    world.order(Command::EndBeep { leg });
    world.order(Command::EndBeep { leg });
    world.talk(&mut [&mut alice, &mut bob], ms(20_000));
    assert_cadence_of_one(&world, leg, 200);
    world.order(Command::Beep { leg });
    world.order(Command::Beep { leg });
    world.talk(&mut [&mut alice, &mut bob], ms(1000));
    let found = beeps(&timeline(&world, leg, Codec::Pcmu));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].0.abs_diff(20_200) <= 30 && found[1].1.abs_diff(500) <= 10);
}

fn assert_cadence_of_one(world: &World, leg: LegId, length: usize) {
    let found = beeps(&timeline(world, leg, Codec::Pcmu));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].1.abs_diff(length) <= 20, "{found:?}");
}

#[test]
fn sent_alone_it_ends_at_once_too() {
    let mut world = World::new();
    let leg = world.leg(1, Codec::Pcmu);
    world.order(Command::Beep { leg });
    world.run(ms(450));
    let before = world.sent_on(leg).len();
    world.order(Command::EndBeep { leg });
    world.run(ms(20_000));
    assert_eq!((before, world.sent_on(leg).len()), (11, 11));
}

#[test]
fn on_hold_nothing_is_sent_and_it_comes_when_it_may() {
    let (mut world, mut alice, mut bob) = beeped(Codec::Pcmu);
    let mut held = media(1, Codec::Pcmu);
    held.direction = Direction::Inactive;
    world.configure(alice.leg, held);
    world.talk(&mut [&mut alice, &mut bob], ms(5000));
    assert!(world.sent_on(alice.leg).is_empty());
    world.configure(alice.leg, media(1, Codec::Pcmu));
    world.talk(&mut [&mut alice, &mut bob], ms(2000));
    assert_cadence(&beeps(&timeline(&world, alice.leg, Codec::Pcmu)), 1, 0);
}

#[test]
fn it_goes_with_the_party_and_with_the_leg() {
    let (mut world, mut alice, mut bob) = beeped(Codec::Pcmu);
    let (place, waiting) = (alice.leg, world.leg(3, Codec::Pcmu));
    world.talk(&mut [&mut alice, &mut bob], ms(1000));
    let mut carol = Party::new(waiting, Codec::Pcmu, 660.0);
    world.order(Command::Exchange {
        leg: place,
        other: waiting,
    });
    // Carol is at Alice's place now and was never beeped at; Alice waits and is.
    (carol.leg, alice.leg) = (place, waiting);
    let mut other = Shard::new(ShardConfig::new(world.epoch, EPOCH_NTP));
    let now = world.now();
    for leg in [place, waiting, bob.leg] {
        let moved = world.shard.take_leg(leg).unwrap();
        other.insert_leg(now, moved, &mut world.net);
    }
    world.shard = other;
    world.order(Command::Bridge {
        leg: place,
        other: bob.leg,
    });
    world.talk(&mut [&mut alice, &mut bob, &mut carol], ms(20_000));
    let to = |ssrc: u32| {
        let sent = world.net.rtp.iter().filter(|p| p.ssrc() == ssrc);
        sent.flat_map(|p| decode(Codec::Pcmu, p.payload()))
            .collect::<Vec<i16>>()
    };
    assert_eq!(beeps(&to(0xB001)).len(), 2, "Alice: before and after");
    assert!(beeps(&to(0xB003)).is_empty());
    assert!(is_tone(&to(0xB003), 900.0));
}

#[test]
fn a_far_server_speaks_under_it() {
    let mut world = World::new();
    let leg = world.leg(1, Codec::Pcmu);
    let fork = world.fork_with(leg, 1, &[Track::Inbound], |target| {
        target.bidirectional = true
    });
    world.open(fork);
    world.order(Command::Beep { leg });
    world.run(ms(2000));
    let heard = timeline(&world, leg, Codec::Pcmu);
    assert_cadence(&beeps(&heard), 1, 0);
    assert!(is_silent(&heard[4000..]));
    assert_one_stream(&world.sent_on(leg));
}

#[test]
fn a_time_that_stands_still_has_no_beep_without_end() {
    let (mut world, alice, bob) = beeped(Codec::Pcmu);
    for n in 0..200_u16 {
        world.receive(bob.leg, bob.address, rtp(0, n, 8000, 7, &[0xFF; 160]));
        world.run(Duration::from_millis(20));
    }
    let late = &world.heard_by(alice.leg, 0, Codec::Pcmu)[160 * 60..];
    assert!(is_silent(late));
}
