use std::f64::consts::TAU;
use std::process::Command;

use super::*;
use crate::dtmf::Tone;
use crate::g711::linear_to_ulaw;

fn heard(samples: impl IntoIterator<Item = i16>) -> Vec<(char, u32)> {
    let ulaw: Vec<u8> = samples.into_iter().map(linear_to_ulaw).collect();
    let mut detector = Detector::new();
    let mut presses = Vec::new();
    let mut press = |p: Press| presses.push((p.digit.char(), p.duration_ms));
    for chunk in ulaw.chunks(160) {
        detector.listen(chunk, &mut press);
    }
    detector.listen(&[0xFF; 800], &mut press);
    presses
}

fn names(samples: impl IntoIterator<Item = i16>) -> String {
    heard(samples).into_iter().map(|(name, _)| name).collect()
}

/// Two sines: Hz and amplitude each.
fn two(low: (f64, f64), high: (f64, f64), samples: usize) -> impl Iterator<Item = i16> {
    (0..samples).map(move |n| {
        let t = n as f64 / 8000.0;
        (low.1 * (TAU * low.0 * t).sin() + high.1 * (TAU * high.0 * t).sin()) as i16
    })
}

fn noise(seed: u64, amplitude: f64) -> impl Iterator<Item = f64> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as f64 / f64::from(1_u32 << 30) - 1.0) * amplitude
    })
}

const ALL: &str = "0123456789*#ABCD";

#[test]
fn every_key_of_our_own_making_once() {
    for ms in [40, 50, 100, 300] {
        let samples = ALL.chars().flat_map(|name| {
            let digit = Digit::from_char(name).unwrap();
            Tone::new(digit, ms * 8).chain([0; 400])
        });
        let presses = heard(samples);
        assert_eq!(
            presses.iter().map(|p| p.0).collect::<String>(),
            ALL,
            "{ms} ms"
        );
        assert!(
            presses.iter().all(|p| p.1.abs_diff(ms) <= 26),
            "{ms}: {presses:?}"
        );
    }
}

/// 40 ms at any alignment, level, twist and frequency that Q.24 says must be taken.
#[test]
fn what_q24_accepts_is_heard() {
    for name in ALL.chars() {
        let [low, high] = Digit::from_char(name).unwrap().tones().map(f64::from);
        for lead in [0, 13, 51, 90] {
            for (level, twist_db, offset) in [
                (8000.0, 0.0, 1.0),
                (500.0, 0.0, 1.0),
                (4000.0, 8.0, 1.0),
                (4000.0, -4.0, 1.0),
                (4000.0, 0.0, 1.015),
                (4000.0, 0.0, 0.985),
            ] {
                let twist = 10_f64.powf(twist_db / 20.0);
                let tone = two((low * offset, level), (high * offset, level * twist), 320);
                let samples = std::iter::repeat_n(0, lead).chain(tone);
                assert_eq!(
                    names(samples),
                    name.to_string(),
                    "{name} {lead} {level} {twist_db} {offset}"
                );
            }
        }
    }
}

#[test]
fn a_key_is_heard_through_noise() {
    for (name, seed) in ALL.chars().zip(1..) {
        let [low, high] = Digit::from_char(name).unwrap().tones().map(f64::from);
        let samples = two((low, 4000.0), (high, 4000.0), 800)
            .zip(noise(seed, 1000.0))
            .map(|(tone, noise)| tone + noise as i16);
        assert_eq!(names(samples), name.to_string());
    }
}

#[test]
fn what_is_no_key_is_not_heard() {
    let quiet = |what: &str, samples: Vec<i16>| assert_eq!(names(samples), "", "{what}");
    for name in ALL.chars() {
        let [low, high] = Digit::from_char(name).unwrap().tones().map(f64::from);
        quiet("20 ms", two((low, 8000.0), (high, 8000.0), 160).collect());
        quiet("one tone", two((low, 8000.0), (high, 0.0), 1600).collect());
        quiet("the other", two((low, 0.0), (high, 8000.0), 1600).collect());
        quiet("twist", two((low, 8000.0), (high, 2000.0), 1600).collect());
        quiet(
            "off",
            two((low * 1.06, 8000.0), (high * 1.06, 8000.0), 1600).collect(),
        );
        quiet("faint", two((low, 60.0), (high, 60.0), 1600).collect());
    }
    for (low, high) in [
        (350.0, 440.0),
        (480.0, 620.0),
        (440.0, 480.0),
        (425.0, 425.0),
        (1100.0, 2100.0),
    ] {
        quiet(
            "line tones",
            two((low, 8000.0), (high, 8000.0), 16_000).collect(),
        );
    }
    quiet(
        "noise",
        noise(7, 12_000.0).take(480_000).map(|s| s as i16).collect(),
    );
}

/// Vowel-like sounds for ten minutes: a glottal pulse train of gliding pitch through four
/// gliding formants, with pauses and breath. Harsher than people in one way: it is all vowels.
#[test]
fn ten_minutes_of_synthetic_vowels_give_no_key() {
    let mut random = noise(99, 0.5).map(|r| r + 0.5);
    let mut roll = |low: f64, high: f64| low + (high - low) * random.next().unwrap_or(0.5);
    let mut samples: Vec<f64> = Vec::with_capacity(600 * 8000);
    let mut phase = 0.0_f64;
    let mut formants = [[0.0_f64; 2]; 4];
    while samples.len() < 600 * 8000 {
        let length = roll(0.05, 0.4) * 8000.0;
        let pitch = (roll(75.0, 350.0), roll(75.0, 350.0));
        let from = [
            roll(250.0, 900.0),
            roll(700.0, 2300.0),
            roll(1900.0, 3100.0),
            roll(2900.0, 3700.0),
        ];
        let to = from.map(|hz| hz * roll(0.7, 1.3));
        let loud = if roll(0.0, 1.0) < 0.15 {
            0.0
        } else {
            roll(500.0, 9000.0)
        };
        for n in 0..length as usize {
            let along = n as f64 / length;
            phase += (pitch.0 + (pitch.1 - pitch.0) * along) / 8000.0;
            let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
            phase = phase.fract();
            let mut voice = pulse + roll(-0.02, 0.02);
            for (state, (from, to)) in formants.iter_mut().zip(from.iter().zip(to)) {
                let hz = (from + (to - from) * along).min(3800.0);
                let radius = (-std::f64::consts::PI * 90.0 / 8000.0).exp();
                let next = voice + 2.0 * radius * (TAU * hz / 8000.0).cos() * state[0]
                    - radius * radius * state[1];
                *state = [next, state[0]];
                voice = next * (1.0 - radius) * 2.0;
            }
            samples.push(voice * loud);
        }
    }
    // Ordinary sentences lie some 15 dB below the loudest sound of ten minutes.
    let loudest = samples
        .iter()
        .fold(0.0_f64, |loudest, s| loudest.max(s.abs()));
    for gain in [32_000.0, 160_000.0] {
        let speech = samples.iter().map(|s| (s / loudest * gain) as i16);
        assert_eq!(names(speech), "", "{gain}");
    }
}

/// Ten minutes spoken by the speech programs of this machine (espeak-ng, flite); where there is
/// none, nothing is proven and the test says so.
#[test]
fn ten_minutes_of_synthesised_speech_give_no_key_where_a_voice_is_installed() {
    let voices: [&[&str]; 6] = [
        &["espeak-ng", "-v", "en", "-s", "170", "--stdout"],
        &["flite", "-voice", "slt", "-o", "/dev/stdout", "-t"],
        &["espeak-ng", "-v", "en+f3", "-p", "75", "--stdout"],
        &["flite", "-voice", "kal", "-o", "/dev/stdout", "-t"],
        &["espeak-ng", "-v", "de+f2", "-s", "210", "--stdout"],
        &["flite", "-voice", "rms", "-o", "/dev/stdout", "-t"],
    ];
    let (mut seconds, mut turn) = (0.0, 0_usize);
    while seconds < 600.0 && turn < 120 {
        let voice = voices[turn % voices.len()];
        turn += 1;
        let Some(samples) = speak(voice, &text(turn)) else {
            continue;
        };
        seconds += samples.len() as f64 / 8000.0;
        assert_eq!(names(samples), "", "{voice:?}, text {turn}");
    }
    if seconds < 600.0 {
        eprintln!("only {seconds:.0} s of speech could be made: install espeak-ng or flite");
    }
}

/// Sentences that differ from turn to turn.
fn text(turn: usize) -> String {
    const WORDS: [&str; 40] = [
        "hello", "thank", "you", "for", "calling", "please", "hold", "the", "line", "while", "we",
        "find", "somebody", "who", "can", "help", "with", "your", "order", "number", "seven",
        "three", "zero", "nine", "five", "maybe", "tomorrow", "morning", "around", "eleven", "oh",
        "really", "I", "see", "you", "later", "when", "are", "moon", "beer",
    ];
    let mut state = turn * 7919 + 13;
    (0..60)
        .map(|n| {
            state = state * 1_103_515_245 % 2_147_483_647 + 12_345;
            let end = if n % 9 == 8 { ". " } else { " " };
            format!("{}{end}", WORDS[state / 65_536 % WORDS.len()])
        })
        .collect()
}

fn speak(command: &[&str], text: &str) -> Option<Vec<i16>> {
    let output = Command::new(command[0])
        .args(&command[1..])
        .arg(text)
        .output()
        .ok()?;
    wav_at_8_khz(&output.stdout)
}

/// The first sentence a WAV of 16-bit mono holds, its rate brought to 8 kHz by averaging.
fn wav_at_8_khz(wav: &[u8]) -> Option<Vec<i16>> {
    let rate = f64::from(u32::from_le_bytes(*wav.get(24..)?.first_chunk()?));
    let data = wav.windows(4).position(|w| w == b"data")? + 8;
    let samples: Vec<f64> = wav[data..]
        .chunks_exact(2)
        .map(|b| f64::from(i16::from_le_bytes([b[0], b[1]])))
        .collect();
    let step = rate / 8000.0;
    let count = (samples.len() as f64 / step) as usize;
    let average = |n: usize| {
        let (from, to) = (
            (n as f64 * step) as usize,
            ((n + 1) as f64 * step).ceil() as usize,
        );
        let part = &samples[from..to.min(samples.len()).max(from + 1)];
        (part.iter().sum::<f64>() / part.len() as f64) as i16
    };
    Some((0..count).map(average).collect())
}

/// The sentences the demo's phones speak.
#[test]
fn the_demo_recordings_give_no_key() {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../src/bridgetap/phone/audio"
    );
    let mut files = 0;
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().extension().is_some_and(|e| e == "wav") {
            let samples = wav_at_8_khz(&std::fs::read(entry.path()).unwrap()).unwrap();
            assert_eq!(names(samples), "", "{}", entry.path().display());
            files += 1;
        }
    }
    assert!(files > 0, "no recording in {folder}");
}
