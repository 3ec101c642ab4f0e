//! Listening: decoders of our own, so that the tests do not lean on the crate's, and what a tone is.

use bridgetap_media::Codec;

pub fn decode(codec: Codec, bytes: &[u8]) -> Vec<i16> {
    match codec {
        Codec::Pcmu => bytes.iter().map(|&byte| ulaw(byte)).collect(),
        Codec::Pcma => bytes.iter().map(|&byte| alaw(byte)).collect(),
        Codec::G722 => panic!("relay it to a G.711 leg instead"),
    }
}

pub fn ulaw(byte: u8) -> i16 {
    let byte = !byte;
    let magnitude = ((i32::from(byte & 15) * 2 + 33) << (byte >> 4 & 7)) - 33;
    (if byte & 0x80 != 0 { -4 } else { 4 } * magnitude) as i16
}

pub fn alaw(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let (segment, step) = (byte >> 4 & 7, i32::from(byte & 15));
    let magnitude = if segment == 0 {
        step * 16 + 8
    } else {
        (step * 16 + 264) << (segment - 1)
    };
    (if byte & 0x80 != 0 {
        magnitude
    } else {
        -magnitude
    }) as i16
}

/// The part of the energy at `hz`, from 0 to 1, and the RMS of all.
pub fn purity(samples: &[i16], hz: f64) -> (f64, f64) {
    let (mut sine, mut cosine, mut all) = (0.0, 0.0, 0.0);
    for (n, &sample) in samples.iter().enumerate() {
        let phase = n as f64 / 8000.0 * hz * std::f64::consts::TAU;
        sine += f64::from(sample) * phase.sin();
        cosine += f64::from(sample) * phase.cos();
        all += f64::from(sample).powi(2);
    }
    let count = samples.len().max(1) as f64;
    let tone = (sine.hypot(cosine) * 2.0 / count).powi(2) / 2.0;
    (tone / (all / count).max(1e-9), (all / count).sqrt())
}

/// Is this, over all its length, that tone and little else?
pub fn is_tone(samples: &[i16], hz: f64) -> bool {
    let (part, rms) = purity(samples, hz);
    samples.len() >= 800 && part > 0.95 && rms > 3000.0
}

pub fn is_silent(samples: &[i16]) -> bool {
    samples.iter().all(|sample| sample.abs() <= 8)
}

pub fn heard(ulaw_bytes: &[u8]) -> Vec<i16> {
    ulaw_bytes.iter().map(|&byte| ulaw(byte)).collect()
}
