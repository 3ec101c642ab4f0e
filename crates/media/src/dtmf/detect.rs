//! Keys heard in the audio: Goertzel filters with guards for level, twist, purity and harmonics.
//!
//! Blocks of 102 samples (12.75 ms) that overlap by half: a tone of 40 ms, the least Q.24 asks
//! for, holds four whole ones wherever it starts. Speech is kept out by purity above all: nearly
//! all energy of a block must lie in one row tone and one column tone, four blocks running.

use super::Press;
use super::digit::{COLUMNS, Digit, ROWS};
use crate::g711::ULAW_TO_LINEAR;

const BLOCK: u32 = 102;
/// From one block's start to the next.
const HOP: u32 = BLOCK / 2;
/// Blocks in a row that make a key.
const HITS: u32 = 4;
/// Blocks in a row without it that end it: a key survives a click.
const MISSES: u32 = 4;
/// Each tone at least this strong: about −32 dBm0.
const LEAST: f32 = 300.0;
/// The row at most 6 dB stronger than the column, the column at most 10 dB stronger than the row:
/// Q.24's 4 and 8 dB, and what leakage between short blocks adds.
const REVERSE_TWIST: f32 = 4.0;
const TWIST: f32 = 10.0;
/// The strongest of a group against the others of its group: 8 dB.
const PEAK: f32 = 6.3;
/// The part of a block's energy that must lie in the two tones.
const PURITY: f32 = 0.72;

/// Four rows and four columns.
const FILTERS: usize = 8;

#[derive(Debug)]
pub struct Detector {
    coefficients: [f32; FILTERS],
    /// Two, half a block apart.
    blocks: [Block; 2],
    candidate: Option<Candidate>,
}

#[derive(Debug, Default)]
struct Block {
    states: [[f32; 2]; FILTERS],
    energy: f32,
    filled: u32,
}

#[derive(Debug)]
struct Candidate {
    digit: Digit,
    hits: u32,
    misses: u32,
    blocks: u32,
}

impl Detector {
    pub fn new() -> Self {
        let mut coefficients = [0.0; FILTERS];
        for (coefficient, hz) in coefficients.iter_mut().zip(ROWS.iter().chain(&COLUMNS)) {
            *coefficient = 2.0 * (std::f32::consts::TAU * hz / 8000.0).cos();
        }
        let ahead = Block {
            filled: HOP,
            ..Block::default()
        };
        Self {
            coefficients,
            blocks: [ahead, Block::default()],
            candidate: None,
        }
    }

    pub fn listen(&mut self, ulaw: &[u8], press: &mut impl FnMut(Press)) {
        for &code in ulaw {
            let sample = f32::from(ULAW_TO_LINEAR[usize::from(code)]);
            let mut whole = None;
            for block in &mut self.blocks {
                block.add(sample, &self.coefficients);
                if block.filled == BLOCK {
                    whole = Some(std::mem::take(block).judge(&self.coefficients));
                }
            }
            if let Some(heard) = whole {
                self.follow(heard, press);
            }
        }
    }

    fn follow(&mut self, heard: Option<Digit>, press: &mut impl FnMut(Press)) {
        if let Some(candidate) = &mut self.candidate {
            if heard == Some(candidate.digit) {
                candidate.hits += 1;
                candidate.blocks += 1 + candidate.misses;
                candidate.misses = 0;
                return;
            }
            candidate.misses += 1;
            if candidate.hits >= HITS && candidate.misses < MISSES {
                return;
            }
            if candidate.hits >= HITS {
                press(Press {
                    digit: candidate.digit,
                    duration_ms: (candidate.blocks + 1) * HOP / 8,
                });
            }
        }
        self.candidate = heard.map(|digit| Candidate {
            digit,
            hits: 1,
            misses: 0,
            blocks: 1,
        });
    }
}

impl Block {
    fn add(&mut self, sample: f32, coefficients: &[f32; FILTERS]) {
        self.energy += sample * sample;
        for ([one, two], coefficient) in self.states.iter_mut().zip(coefficients) {
            let next = sample + coefficient * *one - *two;
            *two = *one;
            *one = next;
        }
        self.filled += 1;
    }

    /// The key of a whole block, if it is one.
    fn judge(&self, coefficients: &[f32; FILTERS]) -> Option<Digit> {
        // Scaled so that a lone tone of amplitude a gives a².
        let scale = 4.0 / (BLOCK * BLOCK) as f32;
        let mut powers = [0.0; FILTERS];
        for (power, ([one, two], coefficient)) in
            powers.iter_mut().zip(self.states.iter().zip(coefficients))
        {
            *power = (one * one + two * two - coefficient * one * two) * scale;
        }
        let (rows, columns) = powers.split_at(4);
        let (row, row_power) = strongest(rows)?;
        let (column, column_power) = strongest(columns)?;
        let whole = self.energy * 2.0 / BLOCK as f32;
        let is_key = row_power >= LEAST * LEAST
            && column_power >= LEAST * LEAST
            && row_power <= column_power * REVERSE_TWIST
            && column_power <= row_power * TWIST
            && row_power + column_power >= PURITY * whole;
        if is_key { Digit::at(row, column) } else { None }
    }
}

/// The strongest of a group, if it stands out.
fn strongest(powers: &[f32]) -> Option<(usize, f32)> {
    let (at, &best) = powers
        .iter()
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(b.1))?;
    let stands_out = powers
        .iter()
        .enumerate()
        .all(|(other, &power)| other == at || best >= power * PEAK);
    stands_out.then_some((at, best))
}

#[cfg(test)]
mod tests;
