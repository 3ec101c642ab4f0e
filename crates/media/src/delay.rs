//! The last samples of a signal, ready to be filtered.

/// A delay line of `N` samples, kept twice in a row so that a window never wraps.
#[derive(Debug, Clone)]
pub struct Delay<const N: usize> {
    samples: [[i16; N]; 2],
    at: usize,
}

impl<const N: usize> Delay<N> {
    pub const fn new() -> Self {
        Self {
            samples: [[0; N]; 2],
            at: 0,
        }
    }

    pub fn push(&mut self, sample: i16) {
        for half in &mut self.samples {
            half[self.at] = sample;
        }
        self.at = (self.at + 1) % N;
    }

    /// The sample that came `back` before the newest.
    pub fn back(&self, back: usize) -> i16 {
        self.samples.as_flattened()[self.at + N - 1 - back % N]
    }

    /// The sum of all samples, oldest first, each times its tap. Taps must be small enough that
    /// full-scale samples do not overflow: together below 2^16.
    pub fn filtered(&self, taps: &[i16; N]) -> i32 {
        let window = &self.samples.as_flattened()[self.at..self.at + N];
        window
            .iter()
            .zip(taps)
            .map(|(&sample, &tap)| i32::from(sample) * i32::from(tap))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_the_last_samples_oldest_first() {
        let mut delay = Delay::<4>::new();
        for sample in 1..=10 {
            delay.push(sample);
        }
        assert_eq!(delay.filtered(&[1000, 100, 10, 1]), 7000 + 800 + 90 + 10);
        assert_eq!([0, 1, 2, 3].map(|back| delay.back(back)), [10, 9, 8, 7]);
    }
}
