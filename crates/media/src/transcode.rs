//! From what one leg sends to what another hears, and to the µ-law of timelines.

use crate::config::Codec;
use crate::g711::{ALAW_TO_ULAW, ULAW_TO_ALAW, ULAW_TO_LINEAR, linear_to_alaw, linear_to_ulaw};
use crate::g722::{Decoder, Encoder};
use crate::resample::{Downsampler, Upsampler};

/// The longest audio payload taken: 200 ms.
pub const MAX_AUDIO: usize = 1600;

/// One packet's audio in the forms that exist of it.
#[derive(Debug, Clone, Copy)]
pub struct Audio<'a> {
    pub codec: Codec,
    /// As it came.
    pub payload: &'a [u8],
    /// As µ-law, once decoded.
    pub ulaw: Option<&'a [u8]>,
    /// As samples at 8 kHz and at 16 kHz, when decoded from G.722.
    pub linear: Option<(&'a [i16], &'a [i16])>,
}

/// Room for one decoded packet; one for a whole shard.
#[derive(Debug)]
pub struct Decoded {
    ulaw: [u8; MAX_AUDIO],
    narrow: [i16; MAX_AUDIO],
    wide: [i16; 2 * MAX_AUDIO],
}

impl Decoded {
    pub const fn new() -> Self {
        Self {
            ulaw: [0; MAX_AUDIO],
            narrow: [0; MAX_AUDIO],
            wide: [0; 2 * MAX_AUDIO],
        }
    }
}

/// The receiving end of a leg: decoder state, made when a G.722 packet first needs decoding.
#[derive(Debug, Default)]
pub struct Ear(Option<Box<(Decoder, Downsampler)>>);

impl Ear {
    /// Decode a packet no longer than `MAX_AUDIO`. G.711 keeps no state; G.722 must hear every packet in order.
    pub fn decode<'a>(
        &mut self,
        codec: Codec,
        payload: &'a [u8],
        room: &'a mut Decoded,
    ) -> Audio<'a> {
        let mut audio = Audio {
            codec,
            payload,
            ulaw: None,
            linear: None,
        };
        let length = payload.len().min(MAX_AUDIO);
        let ulaw = &mut room.ulaw[..length];
        match codec {
            Codec::Pcmu => {
                audio.ulaw = Some(payload);
                return audio;
            }
            Codec::Pcma => {
                for (to, &from) in ulaw.iter_mut().zip(payload) {
                    *to = ALAW_TO_ULAW[usize::from(from)];
                }
            }
            Codec::G722 => {
                let (decoder, downsampler) = &mut **self
                    .0
                    .get_or_insert_with(|| Box::new((Decoder::new(), Downsampler::new())));
                let narrow = &mut room.narrow[..length];
                let (pairs, _) = room.wide[..2 * length].as_chunks_mut::<2>();
                for (((pair, narrow), ulaw), &byte) in pairs
                    .iter_mut()
                    .zip(&mut *narrow)
                    .zip(&mut *ulaw)
                    .zip(payload)
                {
                    *pair = decoder.byte(byte);
                    *narrow = downsampler.pair(*pair);
                    *ulaw = linear_to_ulaw(*narrow);
                }
                audio.linear = Some((narrow, &room.wide[..2 * length]));
            }
        }
        audio.ulaw = Some(ulaw);
        audio
    }

    /// Forget what was heard: another stream begins.
    pub fn reset(&mut self) {
        self.0 = None;
    }
}

/// The sending end of a leg.
#[derive(Debug, Default)]
pub struct Mouth(Option<Box<(Upsampler, Encoder)>>);

impl Mouth {
    /// Encode for `codec` into `out`; all codecs here have as many bytes for the same time.
    /// `None` when the packet must be decoded first or does not fit.
    pub fn encode<'o>(
        &mut self,
        codec: Codec,
        audio: &Audio<'_>,
        out: &'o mut [u8],
    ) -> Option<&'o [u8]> {
        let out = out.get_mut(..audio.payload.len())?;
        if codec == audio.codec {
            out.copy_from_slice(audio.payload);
            return Some(out);
        }
        match (codec, audio.linear) {
            (Codec::Pcmu, _) => out.copy_from_slice(audio.ulaw?),
            (Codec::Pcma, Some((narrow, _))) => {
                for (to, &sample) in out.iter_mut().zip(narrow) {
                    *to = linear_to_alaw(sample);
                }
            }
            (Codec::Pcma, None) => {
                for (to, &from) in out.iter_mut().zip(audio.ulaw?) {
                    *to = ULAW_TO_ALAW[usize::from(from)];
                }
            }
            (Codec::G722, _) => {
                let (upsampler, encoder) = &mut **self
                    .0
                    .get_or_insert_with(|| Box::new((Upsampler::new(), Encoder::new())));
                for (to, &from) in out.iter_mut().zip(audio.ulaw?) {
                    *to = encoder.pair(upsampler.sample(ULAW_TO_LINEAR[usize::from(from)]));
                }
            }
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODECS: [Codec; 3] = [Codec::Pcmu, Codec::Pcma, Codec::G722];

    fn tone(n: usize) -> i16 {
        (9000.0 * (n as f64 * std::f64::consts::TAU * 1000.0 / 8000.0).sin()) as i16
    }

    /// A 1 kHz tone in a codec, in packets of 20 ms.
    fn encoded(codec: Codec) -> Vec<Vec<u8>> {
        let mut mouth = Mouth::default();
        (0..50)
            .map(|packet| {
                let ulaw: Vec<u8> = (0..160)
                    .map(|n| linear_to_ulaw(tone(packet * 160 + n)))
                    .collect();
                let audio = Audio {
                    codec: Codec::Pcmu,
                    payload: &ulaw,
                    ulaw: Some(&ulaw),
                    linear: None,
                };
                mouth.encode(codec, &audio, &mut [0; 160]).unwrap().to_vec()
            })
            .collect()
    }

    #[test]
    fn a_tone_crosses_every_pair_of_codecs_at_its_level() {
        for from in CODECS {
            for to in CODECS {
                let (mut ear, mut mouth, mut far_ear) =
                    (Ear::default(), Mouth::default(), Ear::default());
                let (mut near, mut far) = (Decoded::new(), Decoded::new());
                let mut heard = Vec::new();
                for packet in encoded(from) {
                    let audio = ear.decode(from, &packet, &mut near);
                    let mut out = [0; 160];
                    let sent = mouth.encode(to, &audio, &mut out).unwrap();
                    let decoded = far_ear.decode(to, sent, &mut far);
                    heard.extend(
                        decoded
                            .ulaw
                            .unwrap()
                            .iter()
                            .map(|&u| f64::from(ULAW_TO_LINEAR[usize::from(u)])),
                    );
                }
                let (mut sine, mut cosine, mut all) = (0.0, 0.0, 0.0);
                for (n, sample) in heard.iter().enumerate().skip(1600) {
                    let phase = n as f64 * std::f64::consts::TAU / 8.0;
                    sine += sample * phase.sin();
                    cosine += sample * phase.cos();
                    all += sample * sample;
                }
                let count = (heard.len() - 1600) as f64;
                let amplitude = 2.0 * sine.hypot(cosine) / count;
                let noise = (all / count - amplitude * amplitude / 2.0).max(1.0);
                let snr = 10.0 * (amplitude * amplitude / 2.0 / noise).log10();
                assert!(
                    (amplitude - 9000.0).abs() < 300.0,
                    "{from:?} to {to:?}: {amplitude}"
                );
                assert!(snr > 25.0, "{from:?} to {to:?}: {snr:.1} dB");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_not_sent() {
        let audio = Audio {
            codec: Codec::Pcmu,
            payload: &[0; 200],
            ulaw: Some(&[0; 200]),
            linear: None,
        };
        assert!(
            Mouth::default()
                .encode(Codec::Pcma, &audio, &mut [0; 160])
                .is_none()
        );
    }
}
