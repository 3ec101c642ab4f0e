//! The tone that says "you are recorded" to a party that cannot be told in words of SDP (RFC 7866
//! §6.1.2): 1400 Hz for half a second.
//!
//! Numbered by the ticks of the stream it is added to, so that it goes on in phase from one packet
//! to the next, however long they are and whichever of them is lost.

use crate::config::Codec;
use crate::g711::{ALAW_TO_LINEAR, ULAW_TO_LINEAR, linear_to_alaw, linear_to_ulaw};

/// How long one beep is, in samples at 8 kHz: a hundred times the wave, so it ends where it began.
pub const LENGTH: i32 = 4000;

/// Seven periods at 8 kHz. The peak is 2270: −20 dBm0, where a sine that just fits 16 bits is
/// 3.14 dBm0 (G.711 §5).
const WAVE: [i16; 40] = [
    0, 2023, 1836, -355, -2159, -1605, 701, 2242, 1334, -1031, -2270, -1031, 1334, 2242, 701,
    -1605, -2159, -355, 1836, 2023, 0, -2023, -1836, 355, 2159, 1605, -701, -2242, -1334, 1031,
    2270, 1031, -1334, -2242, -701, 1605, 2159, 355, -1836, -2023,
];

/// Sample `n` of a beep; silence before it and after.
pub fn sample(n: i32) -> i16 {
    let at = usize::try_from(n).ok().filter(|_| n < LENGTH);
    at.map_or(0, |at| WAVE[at % WAVE.len()])
}

/// Add a beep to G.711 audio, whose first sample meets sample `first` of it. What is too loud for
/// both is as loud as it gets. G.722 has a state: see [`Overlay`](crate::g722::Overlay).
pub fn add(codec: Codec, payload: &mut [u8], first: i32) {
    let (table, encode): (_, fn(i16) -> u8) = match codec {
        Codec::Pcmu => (&ULAW_TO_LINEAR, linear_to_ulaw),
        Codec::Pcma => (&ALAW_TO_LINEAR, linear_to_alaw),
        Codec::G722 => return,
    };
    for (byte, n) in payload.iter_mut().zip(first..LENGTH) {
        // A beep that begins within the packet leaves what stands before it as it is.
        if n >= 0 {
            *byte = encode(table[usize::from(*byte)].saturating_add(sample(n)));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::g711::ULAW_SILENCE;

    #[test]
    fn it_is_1400_hz_at_minus_20_dbm0() {
        let (mut sine, mut all) = (0.0, 0.0);
        for n in 0..LENGTH {
            let phase = f64::from(n) * std::f64::consts::TAU * 1400.0 / 8000.0;
            assert!(
                (f64::from(sample(n)) - 2270.0 * phase.sin()).abs() <= 0.5,
                "{n}"
            );
            sine += f64::from(sample(n)) * phase.sin();
            all += f64::from(sample(n)).powi(2);
        }
        let peak = 2.0 * sine / f64::from(LENGTH);
        // 3.14 dBm0 is as loud as it gets.
        let dbm0 = 314.0 / 100.0 + 20.0 * (peak / 32768.0).log10();
        assert!((dbm0 + 20.0).abs() < 0.1, "{dbm0}");
        assert!(peak * peak / 2.0 / (all / f64::from(LENGTH)) > 0.999_99);
        assert_eq!(
            [
                sample(-1),
                sample(LENGTH),
                sample(i32::MIN),
                sample(i32::MAX)
            ],
            [0; 4]
        );
    }

    #[test]
    fn both_laws_carry_it_and_what_is_too_loud_does_not_wrap() {
        let loudest = [(Codec::Pcmu, 0x80, 0x00), (Codec::Pcma, 0xAA, 0x2A)];
        for (codec, high, low) in loudest {
            for byte in [high, low] {
                let mut payload = [byte; 40];
                add(codec, &mut payload, 0);
                let table = match codec {
                    Codec::Pcmu => &ULAW_TO_LINEAR,
                    _ => &ALAW_TO_LINEAR,
                };
                let before = i32::from(table[usize::from(byte)]);
                for (n, byte) in payload.into_iter().enumerate() {
                    let after = i32::from(table[usize::from(byte)]);
                    let sum = (before + i32::from(sample(n as i32))).clamp(-32768, 32767);
                    assert!(
                        (after - sum).abs() <= 1024,
                        "{codec:?} {n}: {after} for {sum}"
                    );
                }
            }
        }
    }

    proptest! {
        /// In packets of whatever length it is what it is in one piece, and touches nothing else.
        #[test]
        fn cut_into_packets_it_is_the_same(
            lengths in prop::collection::vec(1_usize..500, 1..60),
            before in 0_i32..600,
            voice in prop::collection::vec(any::<u8>(), 64),
            alaw in any::<bool>(),
        ) {
            let codec = if alaw { Codec::Pcma } else { Codec::Pcmu };
            let total: usize = lengths.iter().sum();
            let voice: Vec<u8> = voice.into_iter().cycle().take(total).collect();
            let (mut whole, mut cut) = (voice.clone(), voice.clone());
            add(codec, &mut whole, -before);
            let mut rest = &mut cut[..];
            let mut at = -before;
            for length in lengths {
                let (packet, behind) = rest.split_at_mut(length);
                add(codec, packet, at);
                at += length as i32;
                rest = behind;
            }
            prop_assert_eq!(&cut, &whole);
            let beep = before as usize..(before + LENGTH) as usize;
            for (n, (now, then)) in whole.iter().zip(&voice).enumerate() {
                prop_assert!(beep.contains(&n) || now == then, "{n}");
            }
        }

        #[test]
        fn nothing_is_added_beyond_its_ends(first in any::<i32>(), length in 0_usize..1600) {
            let mut payload = vec![ULAW_SILENCE; length];
            add(Codec::Pcmu, &mut payload, first);
            let touched = payload.iter().any(|byte| *byte != ULAW_SILENCE);
            let meets = first < LENGTH && first.saturating_add(length as i32) > 1;
            prop_assert!(meets || !touched);
        }
    }
}
