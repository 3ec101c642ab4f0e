//! The beep on G.722, whose codes cannot be added to, and between codecs.

use bridgetap_media::{Codec, Command};

use crate::beeping::{BEEP, assert_cadence, beeped, beeps, peak, timeline};
use crate::world::*;

#[test]
fn a_party_of_another_codec_is_heard_under_it() {
    for (ours, theirs) in [
        (Codec::Pcma, Codec::Pcmu),
        (Codec::Pcmu, Codec::G722),
        (Codec::G722, Codec::Pcma),
    ] {
        let mut world = World::new();
        let (a, b) = (world.leg(1, ours), world.leg(2, theirs));
        world.order(Command::Bridge { leg: a, other: b });
        world.order(Command::Beep { leg: a });
        let mut bob = Party::new(b, theirs, 900.0);
        world.talk(&mut [&mut bob], ms(1500));
        let heard = match ours {
            Codec::G722 => narrowed(&world.sent_on(a)),
            _ => timeline(&world, a, ours),
        };
        let found = beeps(&heard);
        assert!(found[0].0 <= 10, "{found:?}");
        assert_cadence(&found, 1, found[0].0);
        assert!((peak(&heard[400..3920], 900.0) - 8000.0).abs() < 300.0);
    }
}

#[test]
fn a_wideband_party_hears_it_and_the_words_under_it() {
    for ptime in [10, 20, 30, 60] {
        let heard = [false, true].map(|on| {
            let (mut world, mut alice, mut bob) = beeped(Codec::G722);
            bob.ptime = ptime;
            world.order(Command::EndBeep { leg: alice.leg });
            world.talk(&mut [&mut alice, &mut bob], ms(2900));
            if on {
                world.order(Command::Beep { leg: alice.leg });
            }
            world.talk(&mut [&mut alice, &mut bob], ms(20_000));
            world.order(Command::EndBeep { leg: alice.leg });
            world.talk(&mut [&mut alice, &mut bob], ms(2100));
            narrowed(&world.sent_on(alice.leg))
        });
        let [plain, heard] = &heard;
        let found = beeps(heard);
        // The state of a stream that is under way is known once it was followed for a while.
        assert!((3090..=3190).contains(&found[0].0), "{found:?}");
        assert_cadence(&found, 2, found[0].0);
        for (at, _) in found {
            let beep = 8 * at + 160..8 * at + 3840;
            let (voice, tone) = (
                likeness(&plain[beep.clone()], &heard[beep.clone()]),
                peak(&heard[beep], BEEP),
            );
            assert!(voice > 0.99, "{ptime}: {voice}");
            assert!((tone - 2270.0).abs() < 100.0, "{ptime}: {tone}");
        }
        // The second before it, that after it, and so on to the end of all.
        for second in (0..24).filter(|second| ![3, 18].contains(second)) {
            let part = 8000 * second..8000 * (second + 1);
            let voice = likeness(&plain[part.clone()], &heard[part]);
            assert!(voice > 0.99, "{ptime}, second {second}: {voice}");
        }
    }
}

#[test]
fn wideband_that_was_never_beeped_at_goes_on_as_it_came() {
    let (mut world, mut alice, mut bob) = beeped(Codec::G722);
    world.order(Command::EndBeep { leg: alice.leg });
    let mut said = bob.clone();
    world.talk(&mut [&mut alice, &mut bob], ms(1000));
    for packet in world.sent_on(alice.leg) {
        assert_eq!(packet.payload(), &said.packet().2[12..]);
    }
}

#[test]
fn a_wideband_party_hears_it_alone() {
    let mut world = World::new();
    let leg = world.leg(1, Codec::G722);
    world.order(Command::Beep { leg });
    world.run(ms(2000));
    let sent = world.sent_on(leg);
    assert_eq!(sent.len(), 25);
    let heard = narrowed(&sent);
    assert!((peak(&heard[160..3840], BEEP) - 2270.0).abs() < 100.0);
}

/// What a wideband party hears, through another bridge to a leg that can be listened to.
fn narrowed(sent: &[Sent]) -> Vec<i16> {
    let mut world = World::new();
    let (leg, other) = (world.leg(1, Codec::G722), world.leg(2, Codec::Pcmu));
    world.order(Command::Bridge { leg, other });
    let from = address(4002);
    for packet in sent {
        let datagram = rtp(
            9,
            packet.sequence(),
            packet.timestamp(),
            5,
            packet.payload(),
        );
        world.net.now = packet.at;
        world.receive(leg, from, datagram);
    }
    timeline(&world, other, Codec::Pcmu)
}

/// How alike two stretches are but for a tone of the beep's pitch, from −1 to 1.
fn likeness(one: &[i16], other: &[i16]) -> f64 {
    let rest = |samples: &[i16]| {
        let wave = |n: usize| (n as f64 / 8000.0 * BEEP * std::f64::consts::TAU).sin_cos();
        let (mut sine, mut cosine) = (0.0, 0.0);
        for (n, &sample) in samples.iter().enumerate() {
            sine += 2.0 * f64::from(sample) * wave(n).0 / samples.len() as f64;
            cosine += 2.0 * f64::from(sample) * wave(n).1 / samples.len() as f64;
        }
        let numbered = samples.iter().enumerate();
        numbered
            .map(|(n, &sample)| f64::from(sample) - sine * wave(n).0 - cosine * wave(n).1)
            .collect::<Vec<f64>>()
    };
    let (one, other) = (rest(one), rest(other));
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    product(&one, &other) / (product(&one, &one) * product(&other, &other)).sqrt()
}
