use proptest::prelude::*;

use super::*;

fn round_trip(input: &[i16]) -> Vec<i16> {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    input
        .chunks_exact(2)
        .flat_map(|pair| decoder.byte(encoder.pair([pair[0], pair[1]])))
        .collect()
}

fn tone(hz: f64, amplitude: f64, n: usize) -> Vec<i16> {
    (0..n)
        .map(|i| (amplitude * (std::f64::consts::TAU * hz * i as f64 / 16000.0).sin()) as i16)
        .collect()
}

/// Signal to noise after the codec's delay of 22 samples has been taken out.
fn snr_db(input: &[i16], output: &[i16]) -> f64 {
    (18..28)
        .map(|delay| {
            let (mut signal, mut noise) = (0.0, 0.0);
            for i in 800..output.len() {
                let wanted = f64::from(input[i - delay]);
                signal += wanted * wanted;
                noise += (f64::from(output[i]) - wanted).powi(2);
            }
            10.0 * (signal / noise).log10()
        })
        .fold(f64::MIN, f64::max)
}

#[test]
fn tones_come_back() {
    for (hz, least) in [
        (300.0, 35.0),
        (1000.0, 30.0),
        (3000.0, 25.0),
        (5000.0, 10.0),
        (6500.0, 10.0),
    ] {
        let input = tone(hz, 8000.0, 8000);
        let snr = snr_db(&input, &round_trip(&input));
        assert!(snr > least, "{hz} Hz: {snr:.1} dB");
    }
}

#[test]
fn silence_stays_silent() {
    assert!(round_trip(&[0; 3200]).iter().all(|s| s.abs() <= 4));
}

/// Digests of output that was compared, bit for bit, with an independent implementation (the one in
/// the crate ezk-g722 0.1.2, after its reset values DETL = 32, DETH = 8 had been put right).
#[test]
fn bit_exact_with_an_independent_codec() {
    let input = reference_input();
    let mut encoder = Encoder::new();
    let encoded: Vec<u8> = input
        .chunks_exact(2)
        .map(|pair| encoder.pair([pair[0], pair[1]]))
        .collect();
    let mut decoder = Decoder::new();
    let decoded = encoded.iter().flat_map(|&byte| decoder.byte(byte));
    let decoded: Vec<u8> = decoded.flat_map(i16::to_le_bytes).collect();
    assert_eq!(
        (digest(&encoded), digest(&decoded)),
        (0xA0F1_F6EE_51CA_91FD, 0x13F9_F273_5DEA_A2CB)
    );
}

/// The code of silence after a reset (0xFA) depends on the reset values.
#[test]
fn silence_after_reset_starts_as_everywhere() {
    assert_eq!(Encoder::new().pair([0, 0]), 0xFA);
}

fn reference_input() -> Vec<i16> {
    let mut seed = 0x1234_5678_u32;
    let mut noise = || {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        seed as i16
    };
    let mut input = tone(440.0, 12_000.0, 16_000);
    input.extend((0..16_000).map(|_| noise()));
    input.extend((0..16_000).map(|i| if i / 37 % 2 == 0 { i16::MAX } else { i16::MIN }));
    input.extend((0..16_000).map(|i| noise() >> (i / 1000)));
    input.extend(tone(6800.0, 30_000.0, 16_000));
    input
}

/// FNV-1a.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

proptest! {
    #[test]
    fn any_bytes_decode(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let mut decoder = Decoder::new();
        for byte in bytes {
            decoder.byte(byte);
        }
    }
}
