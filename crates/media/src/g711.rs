//! G.711: µ-law and A-law, bit-exact with ITU-T G.711 (segments and decision values of its
//! tables 1 and 2, on 16-bit samples as in the G.191 tools).

/// µ-law silence: positive zero.
pub const ULAW_SILENCE: u8 = 0xFF;

/// µ-law byte to 16-bit sample.
pub static ULAW_TO_LINEAR: [i16; 256] = table_i16(Law::Mu);
/// A-law byte to 16-bit sample.
pub static ALAW_TO_LINEAR: [i16; 256] = table_i16(Law::A);
/// µ-law byte to the A-law byte nearest in value.
pub static ULAW_TO_ALAW: [u8; 256] = table_across(Law::Mu);
/// A-law byte to the µ-law byte nearest in value.
pub static ALAW_TO_ULAW: [u8; 256] = table_across(Law::A);

#[derive(Clone, Copy)]
enum Law {
    Mu,
    A,
}

pub const fn linear_to_ulaw(sample: i16) -> u8 {
    // G.711 works on 14 bits; a negative value is taken by its one's complement.
    let magnitude = if sample < 0 { !sample } else { sample } >> 2;
    let biased = magnitude as u16 + 33;
    let biased = if biased > 0x1FFF { 0x1FFF } else { biased };
    // The segment is how far the leading one stands above bit 5 (33 has it there).
    let segment = 10 - biased.leading_zeros() as u16;
    let step = (biased >> (segment + 1)) & 0x0F;
    let code = !((segment << 4) | step) as u8;
    if sample < 0 { code & 0x7F } else { code | 0x80 }
}

pub const fn ulaw_to_linear(code: u8) -> i16 {
    let inverted = !code;
    let segment = (inverted >> 4) & 0x07;
    let step = (inverted & 0x0F) as i16;
    let magnitude = (((step << 1) + 33) << segment) - 33;
    let sample = magnitude << 2;
    if code & 0x80 == 0 { -sample } else { sample }
}

pub const fn linear_to_alaw(sample: i16) -> u8 {
    // G.711 works on 13 bits, of which the magnitude has 12; here their lowest is dropped.
    let magnitude = (if sample < 0 { !sample } else { sample } >> 4) as u16;
    let code = if magnitude < 32 {
        magnitude
    } else {
        let segment = 11 - magnitude.leading_zeros() as u16;
        (segment + 1) << 4 | ((magnitude >> segment) & 0x0F)
    } as u8;
    let signed = if sample < 0 { code } else { code | 0x80 };
    signed ^ 0x55
}

pub const fn alaw_to_linear(code: u8) -> i16 {
    let plain = code ^ 0x55;
    let segment = (plain >> 4) & 0x07;
    let step = (plain & 0x0F) as i16;
    let magnitude = if segment == 0 {
        (step << 4) + 8
    } else {
        ((step << 4) + 0x108) << (segment - 1)
    };
    if plain & 0x80 == 0 {
        -magnitude
    } else {
        magnitude
    }
}

const fn table_i16(law: Law) -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = match law {
            Law::Mu => ulaw_to_linear(code as u8),
            Law::A => alaw_to_linear(code as u8),
        };
        code += 1;
    }
    table
}

const fn table_across(from: Law) -> [u8; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = match from {
            Law::Mu => linear_to_alaw(ulaw_to_linear(code as u8)),
            Law::A => linear_to_ulaw(alaw_to_linear(code as u8)),
        };
        code += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest positive value.
    const ALAW_SILENCE: u8 = 0xD5;

    #[test]
    fn every_code_survives_a_round_trip() {
        for code in 0..=255_u8 {
            // Negative zero of µ-law is the one value with two codes.
            let expected = if code == 0x7F { 0xFF } else { code };
            assert_eq!(
                linear_to_ulaw(ulaw_to_linear(code)),
                expected,
                "µ {code:#x}"
            );
            assert_eq!(linear_to_alaw(alaw_to_linear(code)), code, "A {code:#x}");
        }
    }

    /// Values from the tables of the Recommendation, scaled to 16 bits.
    #[test]
    fn known_values() {
        for (code, sample) in [
            (0x80, 32124),
            (0x00, -32124),
            (0xFF, 0),
            (0xFE, 8),
            (0xF0, 120),
            (0xEF, 132),
            (0x8F, 16764),
        ] {
            assert_eq!(ulaw_to_linear(code), sample, "µ {code:#x}");
        }
        for (code, sample) in [
            (0xAA, 32256),
            (0x2A, -32256),
            (0xD5, 8),
            (0x55, -8),
            (0xC5, 264),
            (0xDA, 248),
            (0xA5, 16896),
        ] {
            assert_eq!(alaw_to_linear(code), sample, "A {code:#x}");
        }
        assert_eq!(linear_to_ulaw(i16::MAX), 0x80);
        assert_eq!(linear_to_ulaw(i16::MIN), 0x00);
        assert_eq!(linear_to_alaw(i16::MAX), 0xAA);
        assert_eq!(linear_to_alaw(i16::MIN), 0x2A);
        assert_eq!(linear_to_ulaw(0), ULAW_SILENCE);
        assert_eq!(linear_to_alaw(0), ALAW_SILENCE);
    }

    /// A segment's steps are a 16th of its start, so half a step is a 32nd of the sample.
    #[test]
    fn every_sample_lands_within_half_a_step_and_in_order() {
        let (mut mu_before, mut a_before) = (i16::MIN, i16::MIN);
        for sample in i16::MIN..=i16::MAX {
            let mu = ulaw_to_linear(linear_to_ulaw(sample));
            let a = alaw_to_linear(linear_to_alaw(sample));
            for decoded in [mu, a] {
                let error = (i32::from(decoded) - i32::from(sample)).abs();
                assert!(
                    error <= i32::from(sample).abs() / 32 + 16,
                    "{sample} {decoded}"
                );
            }
            assert!(mu >= mu_before && a >= a_before, "{sample}");
            (mu_before, a_before) = (mu, a);
        }
    }

    #[test]
    fn across_the_laws_and_back_stays_within_one_step() {
        for code in 0..=255_u8 {
            let there = ULAW_TO_ALAW[usize::from(code)];
            let before = i32::from(ulaw_to_linear(code));
            let after = i32::from(alaw_to_linear(there));
            assert!(
                (before - after).abs() <= before.abs() / 16 + 16,
                "{code:#x} {before} {after}"
            );
            let before = i32::from(alaw_to_linear(code));
            let after = i32::from(ulaw_to_linear(ALAW_TO_ULAW[usize::from(code)]));
            assert!(
                (before - after).abs() <= before.abs() / 16 + 16,
                "{code:#x} {before} {after}"
            );
        }
        assert_eq!(ULAW_TO_ALAW[0xFF], ALAW_SILENCE);
        assert_eq!(ALAW_TO_ULAW[usize::from(ALAW_SILENCE)], 0xFE);
    }
}
