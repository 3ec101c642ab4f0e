//! When the next report is due (RFC 3550 §6.3.1), for a session of two.

use std::time::Duration;

const MEMBERS: f64 = 2.0;
/// Five per cent of a 64 kbit/s stream, in bytes a second.
const BANDWIDTH: f64 = 400.0;
const MINIMUM_S: f64 = 5.0;
/// e − 3/2: makes up for the timer reconsideration's bias (§6.3.1).
const COMPENSATION: f64 = 1.21828;

/// Random numbers for timers only; seeded by the caller.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// Evenly from 0 to below 1 (xorshift64*).
    fn roll(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

pub fn interval(dice: &mut Dice, average_packet: usize, first: bool) -> Duration {
    let minimum = if first { MINIMUM_S / 2.0 } else { MINIMUM_S };
    let wanted = (MEMBERS * average_packet as f64 / BANDWIDTH).max(minimum);
    Duration::from_secs_f64(wanted * (0.5 + dice.roll()) / COMPENSATION)
}
