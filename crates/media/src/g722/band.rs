//! One sub-band of G.722: adaptive quantizer and adaptive predictor (§3.3 to §3.6).

use super::tables::{ILB, ILN, ILP, Q6, WH, WL};

#[derive(Debug, Clone)]
pub struct Band {
    /// Prediction of the next sample.
    s: i32,
    /// Its part from the zeros.
    sz: i32,
    /// Reconstructed signal, newest first.
    r: [i32; 2],
    /// Pole coefficients.
    a: [i32; 2],
    /// Partially reconstructed signal, newest first.
    p: [i32; 2],
    /// Quantized differences, newest first.
    d: [i32; 6],
    /// Zero coefficients.
    b: [i32; 6],
    /// Logarithmic scale factor.
    nb: i32,
    /// Scale factor.
    det: i32,
}

impl Band {
    pub fn low() -> Self {
        Self::with_scale(32)
    }

    pub fn high() -> Self {
        Self::with_scale(8)
    }

    fn with_scale(det: i32) -> Self {
        Self {
            s: 0,
            sz: 0,
            r: [0; 2],
            a: [0; 2],
            p: [0; 2],
            d: [0; 6],
            b: [0; 6],
            nb: 0,
            det,
        }
    }

    /// RECONS and LIMIT: the band's output for a quantizer value.
    pub fn reconstruct(&self, quantized: i32) -> i32 {
        (self.s + ((self.det * quantized) >> 15)).clamp(-16384, 16383)
    }

    /// INVQAL, LOGSCL, SCALEL and the predictor, for a 4-bit code and its value.
    pub fn adapt_low(&mut self, code: usize, quantized: i32) {
        let difference = (self.det * quantized) >> 15;
        self.nb = (((self.nb * 127) >> 7) + WL[code & 15]).clamp(0, 18432);
        self.det = inverse_log(self.nb, 8);
        self.predict(difference);
    }

    /// INVQAH, LOGSCH, SCALEH and the predictor, for a 2-bit code and its value.
    pub fn adapt_high(&mut self, code: usize, quantized: i32) {
        let difference = (self.det * quantized) >> 15;
        self.nb = (((self.nb * 127) >> 7) + WH[code & 3]).clamp(0, 22528);
        self.det = inverse_log(self.nb, 10);
        self.predict(difference);
    }

    /// BLOCK4: adapt both predictors to the difference and predict the next sample.
    fn predict(&mut self, d0: i32) {
        let r0 = saturate(self.s + d0);
        let p0 = saturate(self.sz + d0);
        let same1 = (p0 < 0) == (self.p[0] < 0);
        let same2 = (p0 < 0) == (self.p[1] < 0);

        // UPPOL2
        let a1x4 = saturate(self.a[0] << 2);
        let toward = if same1 { -a1x4 } else { a1x4 }.min(32767);
        let a2 = (toward >> 7) + if same2 { 128 } else { -128 } + ((self.a[1] * 32512) >> 15);
        let a2 = a2.clamp(-12288, 12288);

        // UPPOL1
        let a1 = saturate(if same1 { 192 } else { -192 } + ((self.a[0] * 32640) >> 15));
        let limit = saturate(15360 - a2);
        let a1 = a1.clamp(-limit, limit);

        // UPZERO
        let gain = if d0 == 0 { 0 } else { 128 };
        for (b, &d) in self.b.iter_mut().zip(&self.d) {
            let toward = if (d < 0) == (d0 < 0) { gain } else { -gain };
            *b = saturate(toward + ((*b * 32640) >> 15));
        }

        // DELAYA
        self.d.copy_within(..5, 1);
        self.d[0] = d0;
        self.r = [r0, self.r[0]];
        self.p = [p0, self.p[0]];
        self.a = [a1, a2];

        // FILTEP, FILTEZ, PREDIC
        let poles = ((self.a[0] * saturate(self.r[0] * 2)) >> 15)
            + ((self.a[1] * saturate(self.r[1] * 2)) >> 15);
        let zeros: i32 = self
            .b
            .iter()
            .zip(&self.d)
            .map(|(&b, &d)| (b * saturate(d * 2)) >> 15)
            .sum();
        self.sz = saturate(zeros);
        self.s = saturate(saturate(poles) + self.sz);
    }
}

/// QUANTL: the 6-bit code for a sample of the lower band.
pub fn low_bits(band: &Band, sample: i32) -> usize {
    let difference = saturate(sample - band.s);
    let magnitude = if difference < 0 {
        !difference
    } else {
        difference
    };
    // Levels rise, so the first one above the magnitude can be searched for.
    let level = 1 + Q6[1..].partition_point(|&q| magnitude >= (q * band.det) >> 12);
    if difference < 0 {
        ILN[level]
    } else {
        ILP[level]
    }
}

/// QUANTH: the 2-bit code for a sample of the higher band.
pub fn high_bits(band: &Band, sample: i32) -> usize {
    let difference = saturate(sample - band.s);
    let magnitude = if difference < 0 {
        !difference
    } else {
        difference
    };
    let outer = magnitude >= (564 * band.det) >> 12;
    match (difference < 0, outer) {
        (true, false) => 1,
        (true, true) => 0,
        (false, false) => 3,
        (false, true) => 2,
    }
}

pub fn saturate(value: i32) -> i32 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX))
}

/// SCALEL, SCALEH: the scale factor for a logarithmic one.
fn inverse_log(nb: i32, exponent: i32) -> i32 {
    let mantissa = ILB[(nb >> 6 & 31) as usize];
    let shift = exponent - (nb >> 11);
    let scaled = if shift < 0 {
        mantissa << -shift
    } else {
        mantissa >> shift
    };
    scaled << 2
}
