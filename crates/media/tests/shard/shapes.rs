//! Streams whose frames are not Twilio's: what a far end hears in every combination, and when.

use bridgetap_media::{Channels, Codec, Command, ForkId, Format, Framing, Shape, Track, WallClock};
use proptest::prelude::*;
use serde_json::json;

use crate::forking::number;
use crate::sound::{alaw, ulaw};
use crate::world::*;

const UNIX_MS: u64 = 1_795_000_000_000;
const FORMATS: [Format; 5] = [
    Format::Mulaw,
    Format::Alaw,
    Format::L16Narrow,
    Format::L16Wide,
    Format::L16Wider,
];
const CHANNELS: [Channels; 3] = [Channels::Separate, Channels::Stereo, Channels::Mixed];

/// One frame as a far end reads it.
pub struct Frame {
    pub track: String,
    pub sequence: u64,
    pub chunk: u64,
    pub timestamp: u64,
    pub wall: Option<u64>,
    pub payload: Vec<u8>,
}

pub fn frames(world: &World, fork: ForkId) -> Vec<Frame> {
    use base64::Engine as _;
    let text = world.messages(fork).into_iter().filter_map(|message| {
        let media = message.get("media")?.clone();
        Some(Frame {
            track: media["track"].as_str().unwrap().to_owned(),
            sequence: number(&message["sequenceNumber"]),
            chunk: number(&media["chunk"]),
            timestamp: number(&media["timestamp"]),
            wall: media.get("wallClock").map(number),
            payload: base64::engine::general_purpose::STANDARD
                .decode(media["payload"].as_str().unwrap())
                .unwrap(),
        })
    });
    let binary = world.binary.get(&fork).into_iter().flatten().map(|bytes| {
        let field = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        assert_eq!((bytes[0], bytes[2], bytes[3]), (1, 32, 0));
        Frame {
            track: ["inbound", "outbound", "stereo", "mixed"][usize::from(bytes[1])].to_owned(),
            chunk: field(0) >> 32,
            sequence: field(8),
            timestamp: field(16),
            wall: Some(field(24)).filter(|&wall| wall > 0),
            payload: bytes[32..].to_vec(),
        }
    });
    text.chain(binary).collect()
}

/// The samples of a payload, channel by channel.
fn samples(format: Format, channels: usize, payload: &[u8]) -> Vec<Vec<i16>> {
    let all: Vec<i16> = match format {
        Format::Mulaw => payload.iter().map(|&code| ulaw(code)).collect(),
        Format::Alaw => payload.iter().map(|&code| alaw(code)).collect(),
        _ => payload
            .chunks(2)
            .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
            .collect(),
    };
    (0..channels)
        .map(|channel| all[channel..].iter().step_by(channels).copied().collect())
        .collect()
}

/// The tones against all the rest, in dB.
fn snr(samples: &[i16], rate: u32, tones: &[f64]) -> f64 {
    let mut part = 0.0;
    let all: f64 = samples.iter().map(|&s| f64::from(s).powi(2)).sum();
    for hz in tones {
        let (mut sine, mut cosine) = (0.0, 0.0);
        for (n, &sample) in samples.iter().enumerate() {
            let phase = n as f64 / f64::from(rate) * hz * std::f64::consts::TAU;
            sine += f64::from(sample) * phase.sin();
            cosine += f64::from(sample) * phase.cos();
        }
        part += (sine.powi(2) + cosine.powi(2)) * 2.0 / samples.len() as f64;
    }
    10.0 * (part / (all - part).max(1.0)).log10()
}

/// Alice at 500 Hz and Bob at 1200 Hz on one bridge, Alice forked as asked for.
pub fn conversation(shape: Shape) -> (World, Party, Party, ForkId) {
    let mut world = World::new();
    let (a, b) = (world.leg(1, Codec::Pcmu), world.leg(2, Codec::Pcmu));
    world.order(Command::Bridge { leg: a, other: b });
    let alice = Party::new(a, Codec::Pcmu, 500.0);
    let bob = Party::new(b, Codec::Pcmu, 1200.0);
    let fork = world.fork_with(a, 1, &Track::ALL, |target| target.shape = shape);
    world.open(fork);
    (world, alice, bob, fork)
}

#[test]
fn every_combination_carries_the_call() {
    for format in FORMATS {
        for channels in CHANNELS {
            for (framing, frame_ms) in [
                (Framing::Json, 20),
                (Framing::Json, 100),
                (Framing::Binary, 40),
                (Framing::Binary, 200),
            ] {
                carries_the_call(Shape {
                    format,
                    channels,
                    framing,
                    frame_ms,
                    ..Shape::default()
                });
            }
        }
    }
}

fn carries_the_call(shape: Shape) {
    let (mut world, mut alice, mut bob, fork) = conversation(shape);
    world.talk(&mut [&mut alice, &mut bob], ms(1500));
    world.order(Command::StopFork { fork });
    let stereo = shape.channels == Channels::Stereo;
    let start = &world.messages(fork)[1]["start"];
    assert_eq!(
        start["mediaFormat"],
        json!({
            "encoding": shape.format.encoding(),
            "sampleRate": shape.format.sample_rate(),
            "channels": 1 + u32::from(stereo),
        })
    );
    let rate = shape.format.sample_rate();
    let all = frames(&world, fork);
    let tracks: &[(&str, &[&[f64]])] = match shape.channels {
        Channels::Separate => &[("inbound", &[&[500.0]]), ("outbound", &[&[1200.0]])],
        Channels::Stereo => &[("stereo", &[&[500.0], &[1200.0]])],
        Channels::Mixed => &[("mixed", &[&[500.0, 1200.0]])],
    };
    assert_eq!(
        all.len(),
        tracks
            .iter()
            .map(|(name, _)| all.iter().filter(|f| f.track == *name).count())
            .sum::<usize>()
    );
    let mut sent_ms = 0;
    for (name, channels) in tracks {
        let mine: Vec<&Frame> = all.iter().filter(|frame| frame.track == *name).collect();
        let whole = rate as usize / 1000 * shape.frame_ms as usize * channels.len();
        let bytes = whole
            * if rate == 8000 && shape.format != Format::L16Narrow {
                1
            } else {
                2
            };
        for (n, frame) in mine.iter().enumerate() {
            assert_eq!(frame.chunk, n as u64 + 1);
            let is_last = n + 1 == mine.len();
            assert!(frame.payload.len() == bytes || is_last, "{shape:?}");
            if !is_last {
                assert_eq!(
                    frame.timestamp,
                    mine[0].timestamp + n as u64 * u64::from(shape.frame_ms)
                );
            }
        }
        let payload: Vec<u8> = mine.iter().flat_map(|f| f.payload.clone()).collect();
        for (audio, tones) in samples(shape.format, channels.len(), &payload)
            .iter()
            .zip(*channels)
        {
            let ms = audio.len() as u64 * 1000 / u64::from(rate);
            assert!((1440..=1500).contains(&ms), "{shape:?} {name}: {ms} ms");
            sent_ms += ms * if *name == "mixed" { 2 } else { 1 };
            // Whole periods of both tones, after the first packets.
            let from = rate as usize / 5;
            let snr = snr(&audio[from..from + rate as usize], rate, tones);
            let least = if shape.format == Format::Alaw || shape.format == Format::Mulaw {
                30.0
            } else {
                33.0
            };
            assert!(snr > least, "{shape:?} {name} {tones:?}: {snr} dB");
        }
    }
    let end = &world.fork_ends()[0];
    assert_eq!((end.frames_sent, end.ms_sent), (all.len() as u64, sent_ms));
    assert_eq!(end.ms_dropped, 0);
}

/// Above 3.4 kHz the band ends; below it a sweep comes through at every rate.
#[test]
fn a_sweep_comes_through_resampled() {
    for format in [Format::L16Wide, Format::L16Wider] {
        for hz in [100.0, 300.0, 1000.0, 2000.0, 3000.0, 3300.0] {
            let mut world = World::new();
            let a = world.leg(1, Codec::Pcmu);
            let mut alice = Party::new(a, Codec::Pcmu, hz);
            let fork = world.fork_with(a, 1, &[Track::Inbound], |target| {
                target.shape.format = format;
            });
            world.open(fork);
            world.talk(&mut [&mut alice], ms(1500));
            let payload: Vec<u8> = frames(&world, fork)
                .iter()
                .flat_map(|f| f.payload.clone())
                .collect();
            let rate = format.sample_rate();
            let audio = &samples(format, 1, &payload)[0];
            let from = rate as usize / 5;
            let part = &audio[from..from + rate as usize];
            let snr = snr(part, rate, &[hz]);
            assert!(snr > 33.0, "{format:?} {hz}: {snr}");
            let rms = (part.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / part.len() as f64)
                .sqrt();
            let db = 20.0 * (rms / (8000.0 / 2.0_f64.sqrt())).log10();
            assert!(db.abs() < 0.5, "{format:?} {hz}: {db} dB");
        }
    }
}

/// Frames of any length are the very samples of frames of 20 ms.
#[test]
fn the_length_of_frames_changes_no_sample() {
    for format in FORMATS {
        let audio: Vec<Vec<u8>> = [20, 60, 200]
            .map(|frame_ms| {
                let (mut world, mut alice, mut bob, fork) = conversation(Shape {
                    format,
                    frame_ms,
                    wall_clock: None,
                    ..Shape::default()
                });
                world.talk(&mut [&mut alice, &mut bob], ms(700));
                world.order(Command::StopFork { fork });
                let inbound = frames(&world, fork)
                    .into_iter()
                    .filter(|f| f.track == "inbound");
                inbound.flat_map(|f| f.payload).collect()
            })
            .into();
        assert!(audio[0].len() > 5000, "{format:?}");
        assert!(audio[0] == audio[1] && audio[1] == audio[2], "{format:?}");
    }
}

/// A clap that both parties hear at the same time is at the same place in both channels.
#[test]
fn stereo_is_aligned_through_loss_on_one_side() {
    let (mut world, mut alice, mut bob, fork) = conversation(Shape {
        format: Format::L16Narrow,
        channels: Channels::Stereo,
        frame_ms: 100,
        ..Shape::default()
    });
    for _ in 0..20 {
        world.talk(&mut [&mut alice, &mut bob], ms(180));
        // Alice's packet is lost, Bob's is not.
        alice.packet();
        world.talk(&mut [&mut alice, &mut bob], ms(20));
    }
    world.talk(&mut [&mut alice, &mut bob], ms(400));
    // Alice stops; Bob goes on alone, and then both are silent.
    world.talk(&mut [&mut bob], ms(1000));
    world.run(ms(400));
    world.order(Command::StopFork { fork });
    let all = frames(&world, fork);
    for pair in all.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence + 1);
    }
    let payload: Vec<u8> = all.iter().flat_map(|f| f.payload.clone()).collect();
    let both = samples(Format::L16Narrow, 2, &payload);
    assert_eq!(both[0].len(), both[1].len());
    let end = |audio: &[i16]| audio.iter().rposition(|s| s.abs() > 1000).unwrap();
    let apart = (end(&both[1]) - end(&both[0])) as u64 / 8;
    assert!(apart.abs_diff(1000) <= 20, "{apart} ms");
}

#[test]
fn the_wall_clock_and_the_timestamp_go_hand_in_hand() {
    for (framing, frame_ms) in [(Framing::Json, 20), (Framing::Binary, 60)] {
        let mut world = World::new();
        let a = world.leg(1, Codec::Pcmu);
        let mut alice = Party::new(a, Codec::Pcmu, 500.0);
        world.run(ms(1000));
        let at = world.now();
        let fork = world.fork_with(a, 1, &[Track::Inbound], |target| {
            let unix_ms = UNIX_MS;
            target.shape.wall_clock = Some(WallClock { at, unix_ms });
            target.shape.framing = framing;
            target.shape.frame_ms = frame_ms;
        });
        world.run(ms(500));
        world.open(fork);
        world.talk(&mut [&mut alice], ms(1000));
        let all = frames(&world, fork);
        assert!(all.len() >= 10);
        for frame in all {
            // It began to take audio half a second after the clock was read.
            assert_eq!(frame.wall, Some(UNIX_MS + 500 + frame.timestamp));
        }
    }
}

fn any_shape() -> impl Strategy<Value = Shape> {
    (0..5_usize, 0..3_usize, any::<bool>(), 1..=10_u32).prop_map(
        |(format, channels, binary, chunks)| Shape {
            format: FORMATS[format],
            channels: CHANNELS[channels],
            framing: [Framing::Json, Framing::Binary][usize::from(binary)],
            frame_ms: 20 * chunks,
            ..Shape::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// Whatever the shape, the losses and the stalls: numbers without a hole, and all audio is
    /// either sent or counted as dropped.
    #[test]
    fn all_audio_is_sent_or_counted(
        shape in any_shape(),
        steps in prop::collection::vec((0..4_u8, 1..30_u64), 1..12),
    ) {
        let (mut world, mut alice, mut bob, fork) = conversation(shape);
        for (what, tens) in steps {
            let time = ms(tens * 10);
            match what {
                0 => world.talk(&mut [&mut alice, &mut bob], time),
                1 => world.talk(&mut [&mut alice], time),
                2 => { world.stalled.insert(fork); }
                _ => { world.stalled.clear(); world.run(time); }
            }
        }
        world.stalled.clear();
        world.run(ms(300));
        let took_ms = world.net.now.as_millis() as u64;
        world.order(Command::StopFork { fork });
        let mut numbers: Vec<u64> = frames(&world, fork).iter().map(|f| f.sequence).collect();
        numbers.sort_unstable();
        prop_assert!(numbers.iter().enumerate().all(|(n, &number)| number == n as u64 + 2));
        let end = &world.fork_ends()[0];
        prop_assert_eq!(end.frames_sent, numbers.len() as u64);
        let sum = end.ms_sent + end.ms_dropped;
        prop_assert!(sum <= 2 * took_ms && sum + 2 * 140 >= 2 * took_ms, "{:?} of {}", end, took_ms);
    }
}
