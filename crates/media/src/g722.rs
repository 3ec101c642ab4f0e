//! G.722 at 64 kbit/s: 16 kHz samples to one byte a pair and back (ITU-T G.722, mode 1).
//!
//! Names follow the Recommendation's blocks (BLOCK4L, QUANTL, …) so that it can be read beside
//! the code. No allocation; one state is some 200 bytes.

mod band;
mod overlay;
mod tables;

use band::{Band, high_bits, low_bits};
pub use overlay::Overlay;
use tables::{QM2, QM4, QM6, QMF, QMF_BACK};

use crate::delay::Delay;

/// The delay line of the quadrature mirror filter (§3.1, §4.4), its two phases apart.
#[derive(Debug, Clone)]
struct Qmf {
    first: Delay<12>,
    second: Delay<12>,
}

impl Qmf {
    const fn new() -> Self {
        Self {
            first: Delay::new(),
            second: Delay::new(),
        }
    }

    /// Take in a pair; the filter's two halves.
    fn pair(&mut self, pair: [i16; 2]) -> [i32; 2] {
        self.first.push(pair[0]);
        self.second.push(pair[1]);
        [self.first.filtered(&QMF), self.second.filtered(&QMF_BACK)]
    }
}

#[derive(Debug, Clone)]
pub struct Encoder {
    low: Band,
    high: Band,
    qmf: Qmf,
}

#[derive(Debug, Clone)]
pub struct Decoder {
    low: Band,
    high: Band,
    qmf: Qmf,
}

impl Encoder {
    pub fn new() -> Self {
        Self {
            low: Band::low(),
            high: Band::high(),
            qmf: Qmf::new(),
        }
    }

    /// Two samples at 16 kHz, earlier one first.
    pub fn pair(&mut self, pair: [i16; 2]) -> u8 {
        let [odd, even] = self.qmf.pair(pair);
        let low = low_bits(&self.low, (even + odd) >> 14);
        self.low.adapt_low(low >> 2, QM4[low >> 2]);
        let high = high_bits(&self.high, (even - odd) >> 14);
        self.high.adapt_high(high, QM2[high]);
        (high << 6 | low) as u8
    }
}

impl Decoder {
    pub fn new() -> Self {
        Self {
            low: Band::low(),
            high: Band::high(),
            qmf: Qmf::new(),
        }
    }

    /// One byte to two samples at 16 kHz, earlier one first.
    pub fn byte(&mut self, code: u8) -> [i16; 2] {
        let low = usize::from(code & 0x3F);
        let high = usize::from(code >> 6);
        let low_out = self.low.reconstruct(QM6[low]);
        self.low.adapt_low(low >> 2, QM4[low >> 2]);
        let high_out = self.high.reconstruct(QM2[high]);
        self.high.adapt_high(high, QM2[high]);

        // Both lie within ±16384, so sum and difference fit.
        let [second, first] = self
            .qmf
            .pair([(low_out + high_out) as i16, (low_out - high_out) as i16]);
        [
            band::saturate(first >> 11) as i16,
            band::saturate(second >> 11) as i16,
        ]
    }
}

#[cfg(test)]
mod tests;
