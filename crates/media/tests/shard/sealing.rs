//! A leg of SRTP: what goes out only the holder of its key can read, and nothing else is let in.

use bridgetap_media::{Codec, Command, Direction, LegId, SrtpKey, SrtpKeys, Track};

use crate::world::*;

const OURS: SrtpKey = SrtpKey::new([0x11; 30]);
const THEIRS: SrtpKey = SrtpKey::new([0x22; 30]);

/// A leg that sends under `ours` and takes what is sealed with `theirs`.
fn sealed(world: &mut World, id: u64, ours: SrtpKey, theirs: Option<SrtpKey>) -> LegId {
    let leg = world.leg(id, Codec::Pcmu);
    let mut media = media(id, Codec::Pcmu);
    media.direction = Direction::SendRecv;
    media.srtp = Some(SrtpKeys { ours, theirs });
    world.configure(leg, media);
    leg
}

/// Alice, whose track a sealed leg sends for three seconds; then what that leg sent.
fn recorded(world: &mut World) -> (LegId, Vec<Sent>) {
    let a = world.leg(1, Codec::Pcmu);
    let sink = sealed(world, 11, OURS, Some(THEIRS));
    world.order(Command::Copy {
        leg: a,
        track: Track::Inbound,
        to: sink,
    });
    let mut alice = Party::new(a, Codec::Pcmu, 440.0);
    world.talk(&mut [&mut alice], ms(3000));
    (sink, world.sent_on(sink))
}

/// All of it arrives at `leg`, from the place it expects.
fn deliver(world: &mut World, leg: LegId, id: u64, sent: &[Sent]) {
    for packet in sent {
        world.receive(leg, address(4000 + 2 * id as u16), packet.bytes.clone());
        world.run(ms(20));
    }
}

#[test]
fn the_holder_of_the_key_hears_the_tone_and_nobody_else() {
    let mut world = World::new();
    let (_, sent) = recorded(&mut world);
    assert!(sent.len() >= 147);
    assert!(
        sent.iter()
            .all(|packet| packet.bytes.len() == 12 + 160 + 10)
    );
    let eaves: Vec<u8> = sent
        .iter()
        .flat_map(|p| p.payload()[..160].to_vec())
        .collect();
    assert!(!is_tone(&decode(Codec::Pcmu, &eaves)[800..], 440.0));

    let listener = sealed(&mut world, 21, THEIRS, Some(OURS));
    let stranger = sealed(&mut world, 22, THEIRS, Some(SrtpKey::new([0x33; 30])));
    let deaf = sealed(&mut world, 23, THEIRS, None);
    for (leg, id) in [(listener, 21), (stranger, 22), (deaf, 23)] {
        let other = world.leg(id + 10, Codec::Pcmu);
        world.order(Command::Bridge { leg, other });
        deliver(&mut world, leg, id, &sent);
        let heard = world.sent_on(LegId(id + 10));
        if leg == listener {
            assert_eq!(heard.len(), sent.len());
            assert!(is_tone(
                &world.heard_by(other, 0, Codec::Pcmu)[800..],
                440.0
            ));
        } else {
            assert_eq!(heard.len(), 0, "leg {id}");
        }
    }
}

#[test]
fn a_relayed_call_is_sealed_too_and_a_repeat_is_dropped() {
    let mut world = World::new();
    let (_, sent) = recorded(&mut world);
    let listener = sealed(&mut world, 21, THEIRS, Some(OURS));
    let onward = sealed(&mut world, 31, OURS, None);
    world.order(Command::Bridge {
        leg: listener,
        other: onward,
    });
    let twice: Vec<Sent> = sent.iter().flat_map(|p| [p.clone(), p.clone()]).collect();
    deliver(&mut world, listener, 21, &twice);
    let relayed = world.sent_on(onward);
    assert_eq!(relayed.len(), sent.len());
    assert!(
        relayed
            .iter()
            .all(|packet| packet.bytes.len() == 12 + 160 + 10)
    );
    world.run(ms(1500));
    let stats = world.net.stats.iter().rfind(|s| s.leg == listener);
    assert_eq!(stats.unwrap().malformed, sent.len() as u64);
}

#[test]
fn reports_are_sealed_and_only_sealed_ones_are_believed() {
    let mut world = World::new();
    let (sink, sent) = recorded(&mut world);
    let listener = sealed(&mut world, 21, THEIRS, Some(OURS));
    deliver(&mut world, listener, 21, &sent);
    world.run(ms(8000));
    let of = |world: &World, leg| -> Vec<Sent> {
        let reports = world.net.rtcp.iter().filter(|sent| sent.leg == leg);
        reports.cloned().collect()
    };
    let (theirs, ours) = (of(&world, listener), of(&world, sink));
    let plain = |sent: &Sent| String::from_utf8_lossy(&sent.bytes).contains("@test");
    assert!(!theirs.is_empty() && !ours.is_empty());
    assert!(!theirs.iter().chain(&ours).any(plain));

    let now = world.now();
    let from = address(4000 + 2 * 11 + 1);
    let mut forged = vec![0x80, 200, 0, 6];
    forged.extend([0; 24]);
    let mut bytes = theirs[0].bytes.clone();
    for datagram in [&mut forged, &mut bytes] {
        world
            .shard
            .receive_rtcp(now, sink, from, datagram, &mut world.net);
    }
    world.run(ms(1500));
    let stats = world.net.stats.iter().rfind(|s| s.leg == sink);
    assert_eq!(stats.unwrap().malformed, 1, "the forged one");
}
