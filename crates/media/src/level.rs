//! How loud a direction was in the last second.

use crate::config::Codec;
use crate::g711::{ALAW_TO_LINEAR, ULAW_TO_LINEAR};

/// What is reported for silence, as in RFC 6464.
pub const SILENT_DB: f64 = -127.0;

/// Sum of squares and number of samples.
#[derive(Debug, Clone, Copy, Default)]
pub struct Energy {
    sum: u64,
    samples: u32,
}

impl Energy {
    /// Of an encoded packet; G.722 cannot be told without decoding.
    pub fn of(codec: Codec, payload: &[u8]) -> Option<Self> {
        let table = match codec {
            Codec::Pcmu => &ULAW_TO_LINEAR,
            Codec::Pcma => &ALAW_TO_LINEAR,
            Codec::G722 => return None,
        };
        let square = |&code: &u8| {
            let sample = i32::from(table[usize::from(code)]);
            (sample * sample) as u64
        };
        Some(Self {
            sum: payload.iter().map(square).sum(),
            samples: payload.len() as u32,
        })
    }
}

#[derive(Debug, Default)]
pub struct Meter(Energy);

impl Meter {
    pub fn add(&mut self, energy: Energy) {
        self.0.sum = self.0.sum.saturating_add(energy.sum);
        self.0.samples = self.0.samples.saturating_add(energy.samples);
    }

    /// RMS over what was added, in dB below full scale, and start over.
    pub fn take_db(&mut self) -> f64 {
        let Energy { sum, samples } = std::mem::take(&mut self.0);
        if sum == 0 || samples == 0 {
            return SILENT_DB;
        }
        let mean = sum as f64 / f64::from(samples);
        (10.0 * (mean / f64::from(1 << 30)).log10()).max(SILENT_DB)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::g711::{linear_to_alaw, linear_to_ulaw};

    #[test]
    fn a_tone_measures_as_it_should() {
        let tone = (0..8000).map(|n| (16_384.0 * (f64::from(n) * 0.7).sin()) as i16);
        let ulaw: Vec<u8> = tone.clone().map(linear_to_ulaw).collect();
        let alaw: Vec<u8> = tone.map(linear_to_alaw).collect();
        for (codec, payload) in [(Codec::Pcmu, ulaw), (Codec::Pcma, alaw)] {
            let mut meter = Meter::default();
            meter.add(Energy::of(codec, &payload).unwrap());
            // Half of full scale, as a sine: −6.02 − 3.01.
            assert!((meter.take_db() + 9.03).abs() < 0.1);
            assert_eq!(meter.take_db(), SILENT_DB);
        }
    }

    #[test]
    fn silence_is_the_floor() {
        let mut meter = Meter::default();
        assert_eq!(meter.take_db(), SILENT_DB);
        meter.add(Energy::of(Codec::Pcmu, &[0xFF; 160]).unwrap());
        assert_eq!(meter.take_db(), SILENT_DB);
    }
}
