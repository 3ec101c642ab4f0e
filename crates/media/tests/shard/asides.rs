//! What a fork tells between the audio: keys, holds, who joins.

use bridgetap_media::{Asides, Codec, Command, ForkId, ForkTarget, PlayId, Track, WallClock};
use serde_json::{Value, json};

use crate::forking::number;
use crate::world::*;

const UNIX_MS: u64 = 1_795_000_000_000;

fn telling(target: &mut ForkTarget) {
    target.shape.asides = Asides {
        dtmf: true,
        hold: true,
        participant: true,
    };
}

fn tell(world: &mut World, fork: ForkId, event: &str, body: &str) {
    let (event, body) = (event.into(), body.into());
    world.order(Command::TellFork { fork, event, body });
}

/// A key of 100 ms, as a telephone-event.
fn press(world: &mut World, alice: &mut Party, code: u8) {
    for n in 1..=5_u16 {
        let end = if n == 5 { 0x80 } else { 0 };
        let [high, low] = (n * 160).to_be_bytes();
        let payload = [code, end | 10, high, low];
        let packet = rtp(101, alice.sequence, alice.timestamp, alice.ssrc, &payload);
        alice.sequence = alice.sequence.wrapping_add(1);
        world.receive(alice.leg, alice.address, packet);
    }
}

fn of<'m>(messages: &'m [Value], event: &str) -> Vec<&'m Value> {
    messages.iter().filter(|m| m["event"] == event).collect()
}

fn call() -> (World, Party) {
    let mut world = World::new();
    let leg = world.leg(1, Codec::Pcmu);
    (world, Party::new(leg, Codec::Pcmu, 440.0))
}

#[test]
fn events_take_part_in_the_numbering_each_at_its_time() {
    let (mut world, mut alice) = call();
    let fork = world.fork_with(alice.leg, 1, &Track::ALL, telling);
    world.open(fork);
    world.talk(&mut [&mut alice], ms(1000));
    press(&mut world, &mut alice, 5);
    tell(
        &mut world,
        fork,
        "hold",
        r#"{"track":"inbound","held":true}"#,
    );
    world.talk(&mut [&mut alice], ms(1000));
    tell(&mut world, fork, "participant", "{}");
    world.order(Command::StopFork { fork });
    let messages = world.messages(fork);
    for (n, message) in messages[1..].iter().enumerate() {
        assert_eq!(number(&message["sequenceNumber"]), n as u64 + 1);
        assert_eq!(message["streamSid"], "MZ1");
    }
    assert_eq!(
        of(&messages, "dtmf")[0]["dtmf"],
        json!({"track": "inbound_track", "digit": "5"})
    );
    let hold = &of(&messages, "hold")[0]["hold"];
    assert_eq!(
        (&hold["track"], &hold["held"]),
        (&json!("inbound"), &json!(true))
    );
    assert!((998..=1001).contains(&number(&hold["timestamp"])), "{hold}");
    let last = &of(&messages, "participant")[0]["participant"];
    assert!(
        (1998..=2001).contains(&number(&last["timestamp"])),
        "{last}"
    );
    assert_eq!(last.as_object().unwrap().len(), 1);
}

#[test]
fn a_far_end_that_is_behind_hears_of_them_after_the_audio_before() {
    let (mut world, mut alice) = call();
    let fork = world.fork_with(alice.leg, 1, &[Track::Inbound], telling);
    world.open(fork);
    world.talk(&mut [&mut alice], ms(100));
    world.stalled.insert(fork);
    world.talk(&mut [&mut alice], ms(1000));
    tell(&mut world, fork, "hold", "{}");
    world.talk(&mut [&mut alice], ms(1000));
    world.stalled.clear();
    world.talk(&mut [&mut alice], ms(100));
    let messages = world.messages(fork);
    let at = messages.iter().position(|m| m["event"] == "hold").unwrap();
    let told = number(&messages[at]["hold"]["timestamp"]);
    let before = number(&messages[at - 1]["media"]["timestamp"]);
    let after = number(&messages[at + 1]["media"]["timestamp"]);
    assert!(
        before <= told + 20 && told <= after,
        "{before} {told} {after}"
    );
}

#[test]
fn the_wall_clock_of_an_event_is_that_of_its_time() {
    let (mut world, mut alice) = call();
    let at = world.epoch + ms(500);
    let fork = world.fork_with(alice.leg, 1, &[Track::Inbound], |target| {
        telling(target);
        let unix_ms = UNIX_MS;
        target.shape.wall_clock = Some(WallClock { at, unix_ms });
    });
    world.run(ms(400));
    world.open(fork);
    world.talk(&mut [&mut alice], ms(1000));
    press(&mut world, &mut alice, 10);
    tell(&mut world, fork, "hold", "{}");
    let messages = world.messages(fork);
    let hold = &of(&messages, "hold")[0]["hold"];
    assert_eq!(number(&hold["wallClock"]), UNIX_MS + 900);
    assert_eq!(number(&hold["timestamp"]), 1000);
    let key = &of(&messages, "dtmf")[0]["dtmf"];
    assert_eq!(key["digit"], "*");
    assert_eq!(number(&key["wallClock"]), UNIX_MS + 900);
}

#[test]
fn nothing_is_told_unasked_or_outside_the_stream() {
    let (mut world, mut alice) = call();
    let plain = world.open_fork(alice.leg, 1, &[Track::Inbound]);
    let early = world.fork_with(alice.leg, 2, &[Track::Inbound], telling);
    press(&mut world, &mut alice, 1);
    tell(&mut world, early, "hold", "{}");
    world.open(early);
    world.talk(&mut [&mut alice], ms(500));
    press(&mut world, &mut alice, 2);
    world.order(Command::StopFork { fork: early });
    tell(&mut world, early, "hold", "{}");
    tell(&mut world, ForkId(77), "hold", "{}");
    world.order(Command::StopFork { fork: plain });
    assert!(of(&world.messages(plain), "dtmf").is_empty());
    assert!(of(&world.messages(early), "hold").is_empty());
}

#[test]
fn keys_heard_in_the_audio_are_told_too() {
    let mut world = World::new();
    let (teller, leg) = (world.leg(1, Codec::Pcmu), world.leg(2, Codec::Pcmu));
    for id in [1, 2] {
        let mut agreed = media(id, Codec::Pcmu);
        agreed.telephone_event = None;
        world.configure([teller, leg][id as usize - 1], agreed);
    }
    let fork = world.fork_with(leg, 1, &[Track::Outbound], telling);
    world.open(fork);
    world.order(Command::SendDtmf {
        leg: teller,
        play: PlayId(1),
        digits: "1D".into(),
        duration_ms: 100,
        gap_ms: 70,
    });
    world.run(ms(500));
    for packet in world.sent_on(teller) {
        world.receive(leg, address(4004), packet.bytes);
        world.run(ms(20));
    }
    world.run(ms(300));
    let messages = world.messages(fork);
    let digits: Vec<&Value> = of(&messages, "dtmf")
        .iter()
        .map(|message| &message["dtmf"]["digit"])
        .collect();
    assert_eq!(digits, ["1", "D"]);
}
