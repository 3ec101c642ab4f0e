//! An hour of two bad callers on the virtual clock: what a far server gets of both tracks.
//!
//! Both click once a second, at the same moment. 5 % of their packets are lost, some are overtaken, in
//! pauses they send comfort noise or nothing at all, and their clocks may run fast and slow.

use std::collections::BTreeMap;
use std::time::Duration;

use bridgetap_media::{Codec, Command, ForkId, LegId, Track};

use crate::world::*;

const SECONDS: u64 = 3600;
/// Simulated at a time, so that memory does not grow with the call.
const SLICE: u64 = 60;
const PACKET_US: f64 = 20_000.0;
const NOISE: u8 = 13;

/// A party whose clock is off.
struct Speaker {
    leg: LegId,
    ppm: f64,
    seed: u64,
    sequence: u16,
    /// Packet times since the start, paused ones included.
    packets: u64,
    pause: u64,
}

impl Speaker {
    fn dice(&mut self, below: u64) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % below
    }

    /// Everything that arrives of it until it has spoken for so long, by time of arrival.
    fn speak_until(&mut self, until_us: f64, arrivals: &mut BTreeMap<(u64, u64, u16), Vec<u8>>) {
        loop {
            // A packet is sent when the last of its samples was taken.
            let tick = PACKET_US * (1.0 + self.ppm / 1e6);
            let ends_us = (self.packets + 1) as f64 * tick;
            if ends_us > until_us {
                return;
            }
            let first = self.packets * 160;
            self.packets += 1;
            let kind = self.kind();
            let Some((payload_type, payload)) = kind.map(|noise| match noise {
                true => (NOISE, vec![70]),
                false => (0, clicking(ends_us - tick, tick)),
            }) else {
                continue;
            };
            self.sequence = self.sequence.wrapping_add(1);
            if self.dice(20) == 0 {
                continue;
            }
            let overtaken = if self.dice(50) == 0 { 22_000 } else { 0 };
            let at_us = ends_us as u64 + 5_000 + self.dice(3_000) + overtaken;
            let ssrc = 0xA000 + self.leg.0 as u32;
            let packet = rtp(payload_type, self.sequence, first as u32, ssrc, &payload);
            arrivals.insert((at_us, self.leg.0, self.sequence), packet);
        }
    }

    /// What the next packet is: nothing, comfort noise (true) or audio. A pause begins with noise
    /// and swallows the clicks in it.
    fn kind(&mut self) -> Option<bool> {
        if self.pause > 0 {
            self.pause -= 1;
            return (self.pause.is_multiple_of(25)).then_some(true);
        }
        if self.dice(400) == 0 {
            self.pause = 10 + self.dice(100);
            return Some(true);
        }
        Some(false)
    }
}

/// 20 ms of silence, and a loud sample where a second of the call begins in it.
fn clicking(begins_us: f64, tick: f64) -> Vec<u8> {
    let mut payload = vec![0xFF; 160];
    let second_us = (begins_us / 1e6).ceil() * 1e6;
    let place = (second_us - begins_us) / tick * 160.0;
    if let Some(sample) = payload.get_mut(place as usize) {
        *sample = 0x00;
    }
    payload
}

/// What a far server made of one track.
#[derive(Default)]
struct TrackSeen {
    frames: u64,
    /// Of the last frame.
    stamp_ms: u64,
    /// When each second's click was heard, in samples of the stream's clock.
    clicks: BTreeMap<u64, u64>,
}

impl TrackSeen {
    fn take(&mut self, text: &str) {
        let stamp_ms: u64 = member(text, "timestamp").parse().unwrap();
        if self.frames > 0 {
            assert_eq!(stamp_ms, self.stamp_ms + 20, "a timestamp jumped");
        }
        self.frames += 1;
        self.stamp_ms = stamp_ms;
        assert_eq!(member(text, "chunk"), self.frames.to_string());
        let payload = member(text, "payload");
        // Silence is the same byte, or CN's first, all along: nothing to look for.
        if payload.bytes().take(212).all(|byte| byte == b'/') {
            return;
        }
        use base64::Engine as _;
        let audio = base64::engine::general_purpose::STANDARD
            .decode(payload)
            .unwrap();
        if let Some(place) = audio.iter().position(|byte| *byte == 0) {
            let at = (stamp_ms.saturating_sub(20)) * 8 + place as u64;
            self.clicks.insert((at + 4000) / 8000, at);
        }
    }
}

fn member<'a>(text: &'a str, name: &str) -> &'a str {
    let at = text.find(&format!("\"{name}\":\"")).unwrap() + name.len() + 4;
    let rest = &text[at..];
    &rest[..rest.find('"').unwrap()]
}

/// How far from the call's clock and from each other the tracks were at most, in samples.
struct Apart {
    off: u64,
    tracks: u64,
}

#[test]
fn an_hour_of_loss_noise_and_pauses_leaves_both_tracks_within_a_packet() {
    let apart = an_hour([0.0, 0.0]);
    assert!(
        apart.tracks <= 160,
        "the tracks are {} samples apart",
        apart.tracks
    );
}

#[test]
fn clocks_that_run_apart_for_an_hour_leave_no_track_behind() {
    let apart = an_hour([120.0, -120.0]);
    // Each track is put right by a packet once it is a packet off the call's clock: clocks that run
    // apart may so be two packets from each other, and never more, however long the call.
    assert!(
        apart.off <= 160 + 80 + 32,
        "{} samples off the call's clock",
        apart.off
    );
    assert!(
        apart.tracks <= 2 * 160,
        "the tracks are {} samples apart",
        apart.tracks
    );
}

/// The call, whose parties' clocks are so many millionths fast.
fn an_hour(ppm: [f64; 2]) -> Apart {
    let mut world = World::new();
    let (a, b) = (world.leg(1, Codec::Pcmu), world.leg(2, Codec::Pcmu));
    for id in [1, 2] {
        let mut agreed = media(id, Codec::Pcmu);
        agreed.comfort_noise = Some(NOISE);
        world.configure(LegId(id), agreed);
    }
    let fork = world.open_fork(a, 1, &Track::ALL);
    world.order(Command::Bridge { leg: a, other: b });
    let speaker = |leg: LegId, ppm, seed| Speaker {
        leg,
        ppm,
        seed,
        sequence: 0,
        packets: 0,
        pause: 0,
    };
    let mut speakers = [speaker(a, ppm[0], 7), speaker(b, ppm[1], 11)];
    let mut seen = [TrackSeen::default(), TrackSeen::default()];
    let mut arrivals = BTreeMap::new();
    let (mut number, mut last_us) = (1, 0);
    for slice in 1..=SECONDS / SLICE {
        let until_us = (slice * SLICE) as f64 * 1e6;
        for speaker in &mut speakers {
            speaker.speak_until(until_us, &mut arrivals);
        }
        // What may still be overtaken is left for the next slice.
        let later = arrivals.split_off(&(until_us as u64 - 1_000_000, 0, 0));
        for ((at_us, leg, _), packet) in std::mem::replace(&mut arrivals, later) {
            last_us = at_us;
            world.run_to(Duration::from_micros(at_us));
            world.receive(LegId(leg), address(4000 + 2 * leg as u16), packet);
        }
        read(&mut world, fork, &mut number, &mut seen);
    }
    let [inbound, outbound] = &seen;
    let elapsed = last_us / 20_000;
    for track in [inbound, outbound] {
        assert!(
            track.frames.abs_diff(elapsed) <= 5,
            "{} frames in {elapsed} times 20 ms",
            track.frames
        );
    }
    assert!(inbound.frames.abs_diff(outbound.frames) <= 1);

    let mut both = 0;
    let (mut apart, mut off) = (0, 0);
    for (second, here) in &inbound.clicks {
        off = off.max(here.abs_diff(second * 8000));
        if let Some(there) = outbound.clicks.get(second) {
            both += 1;
            apart = apart.max(here.abs_diff(*there));
        }
    }
    assert!(both > SECONDS * 6 / 10, "{both} seconds heard on both");
    Apart { off, tracks: apart }
}

/// Look at what was sent since the last time, and forget it.
fn read(world: &mut World, fork: ForkId, number: &mut u64, seen: &mut [TrackSeen; 2]) {
    for text in world.frames.remove(&fork).unwrap_or_default() {
        if text.contains("\"event\":\"connected\"") {
            continue;
        }
        assert_eq!(member(&text, "sequenceNumber"), number.to_string());
        *number += 1;
        if !text.contains("\"event\":\"media\"") {
            continue;
        }
        let track = match member(&text, "track") {
            "inbound" => Track::Inbound,
            _ => Track::Outbound,
        };
        seen[track as usize].take(&text);
    }
    world.net.rtp.clear();
    world.net.rtcp.clear();
    world.net.events.clear();
    world.net.stats.clear();
}
