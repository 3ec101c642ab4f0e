//! A far server that speaks: what the party hears and when, what comes back, and that nothing it
//! sends harms the call.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridgetap_media::{Codec, Command, Direction, EndReason, ForkId, LegId, MediaEvent, PlayId};
use bridgetap_media::{RemoteClose, Track};
use serde_json::{Value, json};

use crate::world::*;

pub const INBOUND: &[Track] = &[Track::Inbound];

/// A leg with a connected stream, number 1, that is open.
pub fn connected(codec: Codec) -> (World, LegId, ForkId) {
    let mut world = World::new();
    let leg = world.leg(1, codec);
    let fork = connect(&mut world, leg, 1);
    world.open(fork);
    (world, leg, fork)
}

fn connect(world: &mut World, leg: LegId, id: u64) -> ForkId {
    world.fork_with(leg, id, INBOUND, |target| target.bidirectional = true)
}

pub fn say(world: &mut World, fork: ForkId, message: Value) {
    hear(world, fork, message.to_string().as_bytes());
}

pub fn hear(world: &mut World, fork: ForkId, text: &[u8]) {
    let now = world.now();
    world.shard.fork_heard(now, fork, text, &mut world.net);
    world.pull();
}

pub fn media(audio: &[u8]) -> Value {
    json!({"event": "media", "streamSid": "MZ1", "media": {"payload": STANDARD.encode(audio)}})
}

pub fn mark(name: &str) -> Value {
    json!({"event": "mark", "streamSid": "MZ1", "mark": {"name": name}})
}

pub fn clear() -> Value {
    json!({"event": "clear", "streamSid": "MZ1"})
}

/// µ-law of a tone.
pub fn voice(hz: f64, time: u64) -> Vec<u8> {
    prompt(hz, ms(time)).encoded(Codec::Pcmu).to_vec()
}

pub fn marks(world: &World, fork: ForkId) -> Vec<String> {
    let messages = world.messages(fork);
    let marks = messages.iter().filter(|m| m["event"] == "mark");
    marks
        .map(|m| m["mark"]["name"].as_str().unwrap().to_owned())
        .collect()
}

pub fn warnings(world: &World) -> Vec<u32> {
    let events = world.events();
    let codes = events.iter().filter_map(|event| match event {
        MediaEvent::ForkWarned { code, .. } => Some(*code),
        _ => None,
    });
    codes.collect()
}

#[test]
fn what_the_far_end_says_is_heard_in_every_codec_in_real_time_and_without_a_break() {
    for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722] {
        let (mut world, leg, fork) = connected(codec);
        world.run(ms(500));
        say(&mut world, fork, media(&voice(600.0, 1000)));
        world.run(ms(1490));
        let sent = world.sent_on(leg);
        assert_eq!(sent.len(), 100);
        for (n, packet) in sent.iter().enumerate() {
            assert_eq!(packet.at, sent[0].at + ms(20 * n as u64), "silence too");
            assert_eq!(
                packet.timestamp(),
                sent[0].timestamp().wrapping_add(160 * n as u32)
            );
            assert_eq!(packet.sequence(), sent[0].sequence().wrapping_add(n as u16));
            assert_eq!((packet.ssrc(), packet.marker()), (sent[0].ssrc(), n == 0));
            assert_eq!(packet.payload_type(), payload_type(codec));
        }
        if codec != Codec::G722 {
            let heard = world.heard_by(leg, payload_type(codec), codec);
            assert!(is_silent(&heard[..26 * 160]));
            assert!(is_tone(&heard[26 * 160..76 * 160], 600.0));
            assert!(is_silent(&heard[76 * 160..]));
        }
    }
}

#[test]
fn packets_are_as_long_as_agreed() {
    let (mut world, leg, fork) = connected(Codec::Pcmu);
    let mut agreed = crate::world::media(1, Codec::Pcmu);
    agreed.ptime_ms = 30;
    world.configure(leg, agreed);
    say(&mut world, fork, media(&voice(600.0, 900)));
    world.run(ms(1500));
    let sent = world.sent_on(leg);
    assert!(sent.iter().all(|packet| packet.payload().len() == 240));
    let heard = world.heard_by(leg, 0, Codec::Pcmu);
    assert!(is_tone(&heard[..7200], 600.0) && is_silent(&heard[7200..]));
}

#[test]
fn other_forks_hear_it_on_their_outbound_track() {
    let (mut world, leg, fork) = connected(Codec::G722);
    let other = world.open_fork(leg, 2, &Track::ALL);
    world.run(ms(200));
    say(&mut world, fork, media(&voice(600.0, 1000)));
    world.run(ms(1500));
    let outbound = heard(&world.track(other, Track::Outbound));
    let begin = outbound.iter().position(|s| s.abs() > 1000).unwrap() / 160 * 160;
    assert!((1400..=2000).contains(&begin), "{begin}");
    assert!(is_tone(&outbound[begin + 160..begin + 7800], 600.0));
    assert!(is_silent(&heard(&world.track(other, Track::Inbound))));
    assert!(
        world.track(fork, Track::Outbound).is_empty(),
        "it hears the party alone"
    );
}

#[test]
fn marks_come_back_when_all_before_them_was_played_numbered_among_the_media() {
    let (mut world, _, fork) = connected(Codec::Pcmu);
    say(&mut world, fork, mark("nothing is queued"));
    assert_eq!(marks(&world, fork), ["nothing is queued"]);
    for n in 0..5 {
        say(&mut world, fork, media(&voice(600.0, 200)));
        say(&mut world, fork, mark(&format!("chunk {n}")));
    }
    for n in 0..5 {
        world.run(ms(175));
        assert_eq!(marks(&world, fork).len(), 1 + n);
        world.run(ms(25));
        assert_eq!(marks(&world, fork).last().unwrap(), &format!("chunk {n}"));
    }
    let messages = world.messages(fork);
    for (n, message) in messages.iter().skip(1).enumerate() {
        assert_eq!(message["sequenceNumber"], (n + 1).to_string(), "{message}");
    }
    assert_eq!(
        messages.iter().find(|m| m["event"] == "mark").unwrap(),
        &json!({
            "event": "mark", "sequenceNumber": "2", "streamSid": "MZ1",
            "mark": {"name": "nothing is queued"},
        })
    );
}

#[test]
fn clear_silences_at_once_and_gives_every_mark_back_in_order() {
    let (mut world, leg, fork) = connected(Codec::Pcmu);
    for name in ["a", "b", "c"] {
        say(&mut world, fork, media(&voice(600.0, 1000)));
        say(&mut world, fork, mark(name));
    }
    world.run(ms(1500));
    assert_eq!(marks(&world, fork), ["a"]);
    say(&mut world, fork, clear());
    assert_eq!(marks(&world, fork), ["a", "b", "c"]);
    let before = world.sent_on(leg).len();
    world.run(ms(500));
    let after = &world.sent_on(leg)[before..];
    assert!(after.iter().all(|packet| packet.payload() == [0xFF; 160]));
    say(&mut world, fork, media(&voice(900.0, 500)));
    say(&mut world, fork, mark("d"));
    world.run(ms(600));
    assert_eq!(marks(&world, fork).last().unwrap(), "d");
    assert_eq!(world.fork_ends(), []);
}

#[test]
fn a_tail_shorter_than_a_packet_is_played_and_ends_in_silence() {
    let (mut world, leg, fork) = connected(Codec::Pcmu);
    say(&mut world, fork, media(&[0x55; 400]));
    say(&mut world, fork, mark("end"));
    world.run(ms(200));
    let heard: Vec<u8> = world
        .sent_on(leg)
        .iter()
        .flat_map(|p| p.payload().to_vec())
        .collect();
    assert_eq!(heard.iter().filter(|&&byte| byte == 0x55).count(), 400);
    assert_eq!(marks(&world, fork), ["end"]);
}

#[test]
fn pieces_of_any_length_make_one_voice() {
    let (mut world, leg, fork) = connected(Codec::Pcmu);
    // As some resamplers give them: 31.25 ms at a time, in real time.
    for piece in voice(600.0, 2000).chunks(250) {
        say(&mut world, fork, media(piece));
        world.run(std::time::Duration::from_micros(31_250));
    }
    world.run(ms(100));
    let heard = world.heard_by(leg, 0, Codec::Pcmu);
    let begin = heard.iter().position(|s| s.abs() > 100).unwrap();
    let gaps = heard[begin..begin + 15_000]
        .chunks(160)
        .filter(|c| is_silent(c));
    assert!(gaps.count() <= 1, "it finds its cushion once");
}

#[test]
fn ten_minutes_may_wait_and_what_comes_beyond_is_dropped_with_one_warning() {
    let (mut world, _, fork) = connected(Codec::Pcmu);
    let minute = media(&vec![0x55; 60 * 8000]).to_string();
    for _ in 0..13 {
        hear(&mut world, fork, minute.as_bytes());
    }
    assert_eq!(warnings(&world), [31931]);
    say(&mut world, fork, mark("end"));
    world.run(ms(599_900));
    assert!(marks(&world, fork).is_empty());
    world.run(ms(200));
    assert_eq!(marks(&world, fork), ["end"]);
    world.order(Command::StopFork { fork });
    let [end] = &world.fork_ends()[..] else {
        panic!("one end");
    };
    assert_eq!((end.reason, end.ms_played), (EndReason::Stopped, 600_000));
}

#[test]
fn keys_are_told_once_each_as_the_documentation_has_them() {
    let (mut world, leg, fork) = connected(Codec::Pcmu);
    let plain = world.open_fork(leg, 2, INBOUND);
    for (n, code) in [1_u8, 11].into_iter().enumerate() {
        let timestamp = 8000 * n as u32;
        for (k, end) in [(0, 0), (1, 0), (2, 0x80), (3, 0x80), (4, 0x80)] {
            let [high, low] = (160 * (k + 1_u16)).to_be_bytes();
            let event = [code, end | 10, high, low];
            let packet = rtp(101, n as u16 * 10 + k, timestamp, 7, &event);
            world.receive(leg, address(4002), packet);
            world.run(ms(20));
        }
        world.run(ms(500));
    }
    world.order(Command::TellKey { leg, key: 'D' });
    let told: Vec<Value> = world
        .messages(fork)
        .into_iter()
        .filter(|m| m["event"] == "dtmf")
        .collect();
    let digits: Vec<&Value> = told.iter().map(|m| &m["dtmf"]["digit"]).collect();
    assert_eq!(digits, ["1", "#", "D"], "the last by signalling");
    let sequence = told[0]["sequenceNumber"].as_str().unwrap();
    assert_eq!(
        told[0],
        json!({
            "event": "dtmf", "streamSid": "MZ1", "sequenceNumber": sequence,
            "dtmf": {"track": "inbound_track", "digit": "1"},
        })
    );
    assert!(world.messages(plain).iter().all(|m| m["event"] != "dtmf"));
}

#[test]
fn the_party_is_heard_while_it_is_spoken_to() {
    let (mut world, leg, fork) = connected(Codec::Pcma);
    let mut party = Party::new(leg, Codec::Pcma, 440.0);
    say(&mut world, fork, media(&voice(600.0, 1000)));
    world.talk(&mut [&mut party], ms(1500));
    let inbound = heard(&world.track(fork, Track::Inbound));
    assert!(is_tone(&inbound[800..10_000], 440.0));
}

#[test]
fn what_was_not_played_when_the_far_end_leaves_is_forgotten_and_prompts_go_on() {
    let (mut world, leg, fork) = connected(Codec::Pcmu);
    say(&mut world, fork, media(&voice(600.0, 5000)));
    say(&mut world, fork, mark("never"));
    world.order(Command::Play {
        leg,
        play: PlayId(1),
        prompts: vec![prompt(900.0, ms(1000))],
        loops: 1,
    });
    world.run(ms(990));
    assert_eq!(world.play_ends(), [], "prompts wait for the far end");
    let now = world.now();
    let close = RemoteClose {
        close_code: Some(1000),
        detail: String::new(),
    };
    world
        .shard
        .fork_remote_closed(now, fork, close, &mut world.net);
    world.run(ms(1500));
    assert_eq!(world.play_ends(), [(PlayId(1), true)]);
    let heard = world.heard_by(leg, 0, Codec::Pcmu);
    assert!(is_tone(&heard[800..7200], 600.0) && is_tone(&heard[8800..15_200], 900.0));
    assert_eq!(heard.len(), 16_000, "and then nothing is sent");
    assert!(marks(&world, fork).is_empty());
    let [end] = &world.fork_ends()[..] else {
        panic!("one end");
    };
    assert_eq!(
        (end.reason, end.code, end.ms_played / 20),
        (EndReason::RemoteClosed, 0, 50)
    );
}

#[test]
fn a_stop_ends_what_is_heard_at_once_though_the_rest_drains() {
    let (mut world, leg, fork) = connected(Codec::Pcmu);
    world.stalled.insert(fork);
    say(&mut world, fork, media(&voice(600.0, 5000)));
    world.run(ms(100));
    world.order(Command::StopFork { fork });
    say(&mut world, fork, media(&voice(600.0, 5000)));
    let before = world.sent_on(leg).len();
    world.run(ms(1000));
    assert_eq!(world.sent_on(leg).len(), before);
}

#[test]
fn a_second_far_end_cannot_speak_on_one_leg() {
    let (mut world, leg, fork) = connected(Codec::Pcmu);
    let second = connect(&mut world, leg, 2);
    let [end] = &world.fork_ends()[..] else {
        panic!("one end");
    };
    assert_eq!(
        (end.fork, end.reason, end.code),
        (second, EndReason::Failed, 31941)
    );
    world.order(Command::StopFork { fork });
    let third = connect(&mut world, leg, 3);
    world.open(third);
    assert_eq!(world.fork_ends().len(), 2, "it has its place now");
}

#[test]
fn while_the_party_is_on_hold_time_goes_on() {
    let (mut world, leg, fork) = connected(Codec::Pcmu);
    say(&mut world, fork, media(&voice(600.0, 1000)));
    say(&mut world, fork, mark("end"));
    let mut agreed = crate::world::media(1, Codec::Pcmu);
    agreed.direction = Direction::Inactive;
    world.configure(leg, agreed);
    world.run(ms(1100));
    assert_eq!(world.sent_on(leg).len(), 0);
    assert_eq!(marks(&world, fork), ["end"]);
}

#[test]
fn a_leg_takes_what_is_queued_along_to_another_thread() {
    let (mut world, leg, fork) = connected(Codec::Pcmu);
    say(&mut world, fork, media(&voice(600.0, 1000)));
    say(&mut world, fork, mark("end"));
    world.run(ms(500));
    let moved = world.shard.take_leg(leg).unwrap();
    world.run(ms(5));
    let now = world.now();
    world.shard.insert_leg(now, moved, &mut world.net);
    world.run(ms(700));
    assert_eq!(marks(&world, fork), ["end"]);
    assert!(is_tone(&world.heard_by(leg, 0, Codec::Pcmu)[..8000], 600.0));
}
