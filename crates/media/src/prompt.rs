//! A prompt, encoded once for every codec at load and shared by all legs that play it.

use crate::config::Codec;
use crate::g711::{linear_to_alaw, linear_to_ulaw};
use crate::g722::Encoder;
use crate::resample::{Downsampler, Upsampler};

/// One prompt. All codecs carry 8 bytes a millisecond, so a position holds in each of them.
#[derive(Debug, Clone)]
pub struct Prompt {
    pcmu: Box<[u8]>,
    pcma: Box<[u8]>,
    g722: Box<[u8]>,
}

/// Why PCM cannot be a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// Not 8000 or 16000.
    #[error("rate {0}: a prompt is 8000 or 16000 Hz")]
    Rate(u32),
    /// Half a sample at the end.
    #[error("{0} bytes: s16le audio has an even number of bytes")]
    OddLength(usize),
}

impl Prompt {
    /// Encode mono s16le audio. Costs about a millisecond for a second of audio: do it once,
    /// off the media threads.
    ///
    /// # Errors
    /// When the rate or the length cannot be such audio.
    pub fn from_pcm(pcm: &[u8], rate: u32) -> Result<Self, PromptError> {
        if !matches!(rate, 8000 | 16000) {
            return Err(PromptError::Rate(rate));
        }
        if !pcm.len().is_multiple_of(2) {
            return Err(PromptError::OddLength(pcm.len()));
        }
        let (samples, _) = pcm.as_chunks::<2>();
        let samples = samples.iter().map(|&bytes| i16::from_le_bytes(bytes));
        let mut encoder = Encoder::new();
        let mut narrow = Vec::with_capacity(pcm.len() / 2);
        let mut g722 = Vec::with_capacity(pcm.len() / 2);
        if rate == 8000 {
            let mut upsampler = Upsampler::new();
            for sample in samples {
                narrow.push(sample);
                g722.push(encoder.pair(upsampler.sample(sample)));
            }
        } else {
            let mut downsampler = Downsampler::new();
            let mut samples = samples;
            while let Some(first) = samples.next() {
                let pair = [first, samples.next().unwrap_or(0)];
                narrow.push(downsampler.pair(pair));
                g722.push(encoder.pair(pair));
            }
        }
        Ok(Self {
            pcmu: narrow.iter().map(|&s| linear_to_ulaw(s)).collect(),
            pcma: narrow.iter().map(|&s| linear_to_alaw(s)).collect(),
            g722: g722.into(),
        })
    }

    /// How long it plays.
    #[must_use]
    pub fn duration_ms(&self) -> u64 {
        self.pcmu.len() as u64 / 8
    }

    /// The encoded audio.
    #[must_use]
    pub fn encoded(&self, codec: Codec) -> &[u8] {
        match codec {
            Codec::Pcmu => &self.pcmu,
            Codec::Pcma => &self.pcma,
            Codec::G722 => &self.g722,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: f64, seconds: f64) -> Vec<u8> {
        (0..(rate * seconds) as usize)
            .map(|n| (8000.0 * (n as f64 / rate * 1000.0 * std::f64::consts::TAU).sin()) as i16)
            .flat_map(i16::to_le_bytes)
            .collect()
    }

    #[test]
    fn every_codec_has_the_same_length_and_position() {
        for rate in [8000, 16000] {
            let prompt = Prompt::from_pcm(&tone(f64::from(rate), 1.5), rate).unwrap();
            assert_eq!(prompt.duration_ms(), 1500);
            for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722] {
                assert_eq!(prompt.encoded(codec).len(), 12_000);
            }
        }
    }

    #[test]
    fn what_is_no_such_audio_is_refused_with_its_value() {
        assert_eq!(
            Prompt::from_pcm(&[0; 4], 44_100).unwrap_err().to_string(),
            "rate 44100: a prompt is 8000 or 16000 Hz"
        );
        assert_eq!(
            Prompt::from_pcm(&[0; 3], 8000).unwrap_err(),
            PromptError::OddLength(3)
        );
        assert_eq!(Prompt::from_pcm(&[], 8000).unwrap().duration_ms(), 0);
    }
}
