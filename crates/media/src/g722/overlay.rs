//! A tone laid over a G.722 stream that goes by.
//!
//! Only the lower band (0 to 4 kHz) is decoded, added to and encoded again; the codes of the higher
//! band go on as they came. Without the filter bank nothing is delayed, so the words do not jump
//! where it begins. Once it has begun it goes on, for the two ends of the stream have states of
//! their own from then on: going back to the codes as they come would be heard for half a second.

use super::band::{Band, low_bits};
use super::tables::{QM4, QM6};

/// Samples at 16 kHz are so much larger than those of the lower band.
const SCALE: i32 = 2;

#[derive(Debug, Clone)]
pub struct Overlay {
    /// As the source's encoder has it.
    heard: Band,
    /// As the far end's decoder has it, once it is another.
    said: Option<Band>,
}

impl Overlay {
    pub fn new() -> Self {
        Self {
            heard: Band::low(),
            said: None,
        }
    }

    /// A code goes by as it is.
    pub fn follow(&mut self, code: u8) {
        self.decode(code);
    }

    /// Was anything added, so that every code must be encoded anew?
    pub fn has_begun(&self) -> bool {
        self.said.is_some()
    }

    /// The code for the same audio with a sample more, of 16 bits at 8 kHz.
    pub fn add(&mut self, code: u8, tone: i16) -> u8 {
        let mut said = self.said.take().unwrap_or_else(|| self.heard.clone());
        let sample = self.decode(code) + i32::from(tone) / SCALE;
        let low = low_bits(&said, sample.clamp(-16384, 16383));
        said.adapt_low(low >> 2, QM4[low >> 2]);
        self.said = Some(said);
        code & 0xC0 | low as u8
    }

    fn decode(&mut self, code: u8) -> i32 {
        let low = usize::from(code & 0x3F);
        let sample = self.heard.reconstruct(QM6[low]);
        self.heard.adapt_low(low >> 2, QM4[low >> 2]);
        sample
    }
}

#[cfg(test)]
mod tests;
