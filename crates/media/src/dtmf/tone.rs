//! A key's two tones as samples.

use std::f32::consts::TAU;

use super::Digit;

/// −9 and −7 dBm0 (0 dBm0 is a sine 3.14 dB below full scale): the column a little stronger,
/// since lines damp high tones more (Q.23).
const AMPLITUDES: [f32; 2] = [8100.0, 10200.0];
/// Rise and fall, in samples: a hard edge clicks and splatters.
const EDGE: u32 = 16;

#[derive(Debug, Clone)]
pub struct Tone {
    steps: [f32; 2],
    at: u32,
    length: u32,
}

impl Tone {
    /// `length` samples of `digit` at 8 kHz.
    pub fn new(digit: Digit, length: u32) -> Self {
        Self {
            steps: digit.tones().map(|hz| hz / 8000.0),
            at: 0,
            length,
        }
    }
}

impl Iterator for Tone {
    type Item = i16;

    fn next(&mut self) -> Option<i16> {
        if self.at >= self.length {
            return None;
        }
        let edge = self.at.min(self.length - 1 - self.at).min(EDGE) as f32 / EDGE as f32;
        let at = self.at as f32;
        self.at += 1;
        let sum: f32 = self
            .steps
            .iter()
            .zip(AMPLITUDES)
            .map(|(step, amplitude)| amplitude * ((at * step).fract() * TAU).sin())
            .sum();
        Some((sum * edge) as i16)
    }
}
