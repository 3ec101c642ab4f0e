//! Packet indices: the roll-over counter that is never sent (RFC 3711 §3.3.1), and which have been
//! (§3.3.2).

/// Indices below the highest that may still come.
const WINDOW: u64 = 64;

/// The highest index so far, and which of the last 64 there were.
#[derive(Debug, Clone, Copy, Default)]
pub struct Indices {
    highest: Option<u64>,
    /// Bit n: `highest - n` has been.
    seen: u64,
}

impl Indices {
    /// The index that a sequence number most likely stands for; `None` before the first of all.
    pub fn guess(&self, sequence: u16) -> Option<u64> {
        let Some(highest) = self.highest else {
            return Some(sequence.into());
        };
        let step = sequence.wrapping_sub(highest as u16) as i16;
        highest.checked_add_signed(step.into())
    }

    /// Has it been, or is it too old to tell?
    pub fn is_spent(&self, index: u64) -> bool {
        match self.highest {
            Some(highest) if index <= highest => {
                let age = highest - index;
                age >= WINDOW || self.seen >> age & 1 == 1
            }
            _ => false,
        }
    }

    pub fn note(&mut self, index: u64) {
        match self.highest {
            Some(highest) if index <= highest => {
                let age = highest - index;
                if age < WINDOW {
                    self.seen |= 1 << age;
                }
            }
            before => {
                let step = before.map_or(WINDOW, |highest| index - highest);
                self.seen = u32::try_from(step)
                    .ok()
                    .and_then(|step| self.seen.checked_shl(step))
                    .unwrap_or(0)
                    | 1;
                self.highest = Some(index);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_rolls_over_both_ways() {
        let mut indices = Indices::default();
        assert_eq!(indices.guess(65_534), Some(65_534));
        indices.note(65_534);
        for (sequence, index) in [(65_535, 65_535), (0, 65_536), (2, 65_538), (65_533, 65_533)] {
            assert_eq!(indices.guess(sequence), Some(index), "{sequence}");
            indices.note(index);
        }
        assert_eq!(indices.guess(1), Some(65_537));
        assert!(!indices.is_spent(65_537));
        assert!(indices.is_spent(65_536));
    }

    #[test]
    fn nothing_comes_before_the_first() {
        let mut indices = Indices::default();
        indices.note(3);
        assert_eq!(indices.guess(65_530), None);
        assert_eq!(indices.guess(2), Some(2));
    }

    #[test]
    fn what_fell_out_of_the_window_is_spent() {
        let mut indices = Indices::default();
        indices.note(100);
        indices.note(200);
        assert!(indices.is_spent(100), "too old to tell");
        assert!(indices.is_spent(136));
        assert!(!indices.is_spent(137));
        indices.note(137);
        assert!(indices.is_spent(137));
        indices.note(1 << 40);
        assert!(!indices.is_spent((1 << 40) - 1));
    }
}
