//! Latency figures: every sample is kept as microseconds in a histogram of 1 µs to 4 s.

/// A histogram: exact to 1 µs below 10 ms, to 1 % above.
pub struct Latency {
    fine: Vec<u32>,
    coarse: Vec<u32>,
    max_us: u64,
    count: u64,
}

const FINE_US: u64 = 10_000;

impl Default for Latency {
    fn default() -> Self {
        Self {
            fine: vec![0; FINE_US as usize],
            coarse: vec![0; 700],
            max_us: 0,
            count: 0,
        }
    }
}

impl Latency {
    /// Add one sample in nanoseconds.
    pub fn add(&mut self, ns: u64) {
        let us = ns / 1000;
        self.count += 1;
        self.max_us = self.max_us.max(us);
        if us < FINE_US {
            self.fine[us as usize] += 1;
        } else {
            let step = ((us as f64 / FINE_US as f64).ln() / 1.01f64.ln()) as usize;
            let last = self.coarse.len() - 1;
            self.coarse[step.min(last)] += 1;
        }
    }

    /// The value below which the share `q` of all samples lies, in milliseconds.
    pub fn quantile_ms(&self, q: f64) -> f64 {
        let wanted = (self.count as f64 * q).ceil() as u64;
        let mut seen = 0;
        for (us, n) in self.fine.iter().enumerate() {
            seen += u64::from(*n);
            if seen >= wanted && seen > 0 {
                return us as f64 / 1000.0;
            }
        }
        for (step, n) in self.coarse.iter().enumerate() {
            seen += u64::from(*n);
            if seen >= wanted && seen > 0 {
                return FINE_US as f64 * 1.01f64.powi(step as i32 + 1) / 1000.0;
            }
        }
        0.0
    }

    /// `{"count":…,"p50":…,"p99":…,"max":…}`, milliseconds.
    pub fn json(&self) -> String {
        format!(
            r#"{{"count":{},"p50":{:.3},"p99":{:.3},"max":{:.3}}}"#,
            self.count,
            self.quantile_ms(0.5),
            self.quantile_ms(0.99),
            self.max_us as f64 / 1000.0
        )
    }
}
