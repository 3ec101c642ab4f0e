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
    /// As samples at 8 kHz, when decoded from G.722.
    pub narrow: Option<&'a [i16]>,
}

/// Room for one decoded packet; one for a whole shard.
#[derive(Debug)]
pub struct Decoded {
    ulaw: [u8; MAX_AUDIO],
    narrow: [i16; MAX_AUDIO],
}

impl Decoded {
    pub const fn new() -> Self {
        Self {
            ulaw: [0; MAX_AUDIO],
            narrow: [0; MAX_AUDIO],
        }
    }

    /// A packet as it came, and what `Ear::decode` has just made of it.
    pub fn audio<'a>(&'a self, codec: Codec, payload: &'a [u8], decoded: bool) -> Audio<'a> {
        let length = payload.len().min(MAX_AUDIO);
        let ulaw = match codec {
            Codec::Pcmu => Some(payload),
            _ => self.ulaw.get(..length).filter(|_| decoded),
        };
        let narrow = self
            .narrow
            .get(..length)
            .filter(|_| decoded && codec == Codec::G722);
        Audio {
            codec,
            payload,
            ulaw,
            narrow,
        }
    }
}

/// The receiving end of a leg: decoder state, made when a G.722 packet first needs decoding.
#[derive(Debug, Default)]
pub struct Ear {
    wideband: Option<Box<(Decoder, Downsampler)>>,
    /// A packet was passed by, so the state is of another time.
    stale: bool,
}

impl Ear {
    /// Decode a packet no longer than `MAX_AUDIO`. G.722 wants every packet in order.
    pub fn decode(&mut self, codec: Codec, payload: &[u8], room: &mut Decoded) {
        match codec {
            Codec::Pcmu => {}
            Codec::Pcma => {
                for (to, &from) in room.ulaw.iter_mut().zip(payload) {
                    *to = ALAW_TO_ULAW[usize::from(from)];
                }
            }
            Codec::G722 => {
                let state = self
                    .wideband
                    .get_or_insert_with(|| Box::new((Decoder::new(), Downsampler::new())));
                if std::mem::take(&mut self.stale) {
                    **state = (Decoder::new(), Downsampler::new());
                }
                let (decoder, downsampler) = &mut **state;
                let places = room.narrow.iter_mut().zip(&mut room.ulaw);
                for ((narrow, ulaw), &byte) in places.zip(payload) {
                    *narrow = downsampler.pair(decoder.byte(byte));
                    *ulaw = linear_to_ulaw(*narrow);
                }
            }
        }
    }

    /// A packet goes by undecoded, or another stream begins.
    pub fn miss(&mut self) {
        self.stale = true;
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
        match (codec, audio.narrow) {
            (Codec::Pcmu, _) => out.copy_from_slice(audio.ulaw?),
            (Codec::Pcma, Some(narrow)) => {
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
                    narrow: None,
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
                    ear.decode(from, &packet, &mut near);
                    let audio = near.audio(from, &packet, true);
                    let mut out = [0; 160];
                    let sent = mouth.encode(to, &audio, &mut out).unwrap();
                    far_ear.decode(to, sent, &mut far);
                    let decoded = far.audio(to, sent, true);
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
            narrow: None,
        };
        assert!(
            Mouth::default()
                .encode(Codec::Pcma, &audio, &mut [0; 160])
                .is_none()
        );
    }
}
