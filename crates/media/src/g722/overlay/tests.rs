use std::f64::consts::TAU;

use proptest::prelude::*;

use super::*;
use crate::beep::{LENGTH, sample};
use crate::g722::{Decoder, Encoder};

/// What the two filter banks together delay, in samples at 16 kHz.
const DELAY: usize = 22;

/// Something like speech at 16 kHz: syllables of a gliding voice, hisses between them.
fn voice(samples: usize) -> Vec<i16> {
    let (mut seed, mut phase, mut before) = (1_u32, 0.0_f64, 0.0);
    (0..samples)
        .map(|n| {
            let t = n as f64 / 16_000.0;
            phase += TAU * (140.0 + 40.0 * (t * 2.1).sin()) / 16_000.0;
            let loud = (t * 2.0 * TAU).sin().max(0.0);
            let tones = (1..24).map(|k| (phase * f64::from(k)).sin() / f64::from(k));
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = f64::from(seed >> 16) / 32768.0 - 1.0;
            let hiss = noise - std::mem::replace(&mut before, noise);
            (2500.0 * loud * tones.sum::<f64>() + 1000.0 * (1.0 - loud) * hiss) as i16
        })
        .collect()
}

fn encoded(samples: &[i16]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    let pairs = samples.chunks_exact(2);
    pairs.map(|pair| encoder.pair([pair[0], pair[1]])).collect()
}

fn decoded(codes: &[u8]) -> Vec<i16> {
    let mut decoder = Decoder::new();
    codes.iter().flat_map(|&code| decoder.byte(code)).collect()
}

/// `codes` with a beep from the code `begin` on, of which everything from `set` on was followed.
fn laid_over(codes: &[u8], set: usize, begin: usize) -> Vec<u8> {
    let mut overlay = Overlay::new();
    let mut laid = codes.to_vec();
    for (n, code) in laid.iter_mut().enumerate().skip(set) {
        if n < begin {
            overlay.follow(*code);
        } else {
            *code = overlay.add(*code, sample((n - begin) as i32));
        }
    }
    laid
}

/// How alike two stretches are, from −1 to 1.
fn likeness(one: &[f64], other: &[f64]) -> f64 {
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    product(one, other) / (product(one, one) * product(other, other)).sqrt()
}

/// What is left of `samples` once their tone of 1400 Hz is taken away, and how large that was.
fn without_tone(samples: &[i16]) -> (Vec<f64>, f64) {
    let wave = |n: usize| (n as f64 * TAU * 1400.0 / 16_000.0).sin_cos();
    let (mut sine, mut cosine) = (0.0, 0.0);
    for (n, &heard) in samples.iter().enumerate() {
        sine += 2.0 * f64::from(heard) * wave(n).0 / samples.len() as f64;
        cosine += 2.0 * f64::from(heard) * wave(n).1 / samples.len() as f64;
    }
    let rest =
        |(n, &heard): (usize, &i16)| f64::from(heard) - sine * wave(n).0 - cosine * wave(n).1;
    (
        samples.iter().enumerate().map(rest).collect(),
        sine.hypot(cosine),
    )
}

#[test]
fn words_go_on_under_the_beep_and_after_it() {
    let said = encoded(&voice(16_000 * 5));
    let plain = decoded(&said);
    for begin in [1600, 9_000, 12_345, 20_000, 27_777] {
        // The far end has heard the source from its first packet on, the overlay for 200 ms.
        let heard = decoded(&laid_over(&said, begin - 1600, begin));
        let end = begin + LENGTH as usize;
        for (from, to) in [(begin, end), (end, end + 1600), (end + 1600, end + 8000)] {
            let [then, now] = [&plain, &heard].map(|of| &of[2 * from + DELAY..2 * to + DELAY]);
            let likeness = likeness(&without_tone(then).0, &without_tone(now).0);
            assert!(likeness > 0.98, "{begin}, {from} to {to}: {likeness}");
        }
        let untouched = 2 * begin + DELAY - 24;
        assert_eq!(plain[..untouched], heard[..untouched]);
    }
}

#[test]
fn the_beep_has_its_level_and_is_not_there_before_and_after() {
    let silence = encoded(&[0; 32_000]);
    let heard = decoded(&laid_over(&silence, 0, 4000));
    let beep = &heard[8000 + DELAY..8000 + DELAY + 8000];
    let (rest, peak) = without_tone(&beep[160..7840]);
    assert!((peak - 2270.0).abs() < 50.0, "{peak}");
    let noise = rest.iter().map(|rest| rest * rest).sum::<f64>() / rest.len() as f64;
    assert!(noise.sqrt() < 60.0, "{}", noise.sqrt());
    for quiet in [&heard[..8000], &heard[16_400..]] {
        assert!(quiet.iter().all(|sample| sample.abs() < 30));
    }
}

#[test]
fn the_higher_band_is_not_touched() {
    let said = encoded(&voice(32_000));
    let laid = laid_over(&said, 0, 3000);
    assert!(
        said.iter()
            .zip(&laid)
            .all(|(then, now)| then & 0xC0 == now & 0xC0)
    );
    assert_ne!(said[3000..7000], laid[3000..7000]);
}

proptest! {
    #[test]
    fn any_codes_are_taken(codes in prop::collection::vec(any::<u8>(), 0..2000), tone in any::<i16>()) {
        let mut overlay = Overlay::new();
        for code in codes {
            let laid = overlay.add(code, tone);
            // Codes 0 to 3 of the lower band are none of an encoder's (G.722 §3.3, table 14).
            prop_assert!(laid & 0x3F >= 4);
        }
    }
}
