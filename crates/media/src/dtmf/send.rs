//! Keys out: what to send in each 20 ms, as events or as tones.

use super::{Digit, Tone};

/// How long `w` waits.
const WAIT_MS: u32 = 500;
/// The end packet goes out three times (RFC 4733 §2.5.1.4).
const END_PACKETS: u32 = 3;
/// −10 dBm0.
const VOLUME: u8 = 10;
const TICK: u32 = 160;

/// What one tick sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A telephone-event payload. `first`: of its key, which fixes the timestamp.
    Event { payload: [u8; 4], first: bool },
    /// The next 160 samples were written.
    Tone,
    /// Nothing.
    Gap,
}

/// A row of keys being sent.
#[derive(Debug)]
pub struct Keys {
    /// What is still to come, last first.
    waiting: Vec<Item>,
    key_ticks: u32,
    gap_ticks: u32,
    now: Option<Now>,
}

#[derive(Debug, Clone, Copy)]
enum Item {
    Key(Digit),
    Wait,
}

#[derive(Debug)]
enum Now {
    Event { digit: Digit, tick: u32 },
    Tone { tone: Box<Tone>, tick: u32 },
    Gap { ticks: u32 },
}

impl Keys {
    pub fn new(digits: &str, duration_ms: u32, gap_ms: u32) -> Self {
        let item = |name| match name {
            'w' | 'W' => Some(Item::Wait),
            name => Digit::from_char(name).map(Item::Key),
        };
        Self {
            waiting: digits.chars().rev().filter_map(item).collect(),
            key_ticks: duration_ms.clamp(40, 8000).div_ceil(20),
            // Two of the end packets fall into the gap.
            gap_ticks: gap_ms.clamp(60, 10_000).div_ceil(20),
            now: None,
        }
    }

    /// What the next 20 ms send; `None` when all is sent. `events`: was telephone-event agreed?
    pub fn tick(&mut self, events: bool, samples: &mut [i16; TICK as usize]) -> Option<Step> {
        if self.now.is_none() {
            self.now = Some(self.begin(events)?);
        }
        let step;
        match self.now.as_mut()? {
            Now::Event { digit, tick } => {
                *tick += 1;
                step = event(*digit, *tick, self.key_ticks);
                if *tick == self.key_ticks + END_PACKETS - 1 {
                    let ticks = self.gap_ticks - (END_PACKETS - 1);
                    self.now = Some(Now::Gap { ticks });
                }
            }
            Now::Tone { tone, tick } => {
                samples.fill_with(|| tone.next().unwrap_or(0));
                step = Step::Tone;
                *tick += 1;
                if *tick == self.key_ticks {
                    self.now = Some(Now::Gap {
                        ticks: self.gap_ticks,
                    });
                }
            }
            Now::Gap { ticks } => {
                step = Step::Gap;
                *ticks -= 1;
                if *ticks == 0 {
                    self.now = None;
                }
            }
        }
        Some(step)
    }

    fn begin(&mut self, events: bool) -> Option<Now> {
        Some(match self.waiting.pop()? {
            Item::Wait => Now::Gap {
                ticks: WAIT_MS / 20,
            },
            Item::Key(digit) if events => Now::Event { digit, tick: 0 },
            Item::Key(digit) => Now::Tone {
                tone: Box::new(Tone::new(digit, self.key_ticks * TICK)),
                tick: 0,
            },
        })
    }
}

/// The packet of a key's `tick`, counted from 1.
fn event(digit: Digit, tick: u32, key_ticks: u32) -> Step {
    let end = tick >= key_ticks;
    let [high, low] = (tick.min(key_ticks) * TICK)
        .min(0xFFFF)
        .to_be_bytes()
        .last_chunk()
        .copied()
        .unwrap_or([0; 2]);
    Step::Event {
        payload: [digit.event(), u8::from(end) << 7 | VOLUME, high, low],
        first: tick == 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(keys: &mut Keys, events: bool) -> Vec<Step> {
        let mut samples = [0; 160];
        std::iter::from_fn(|| keys.tick(events, &mut samples)).collect()
    }

    #[test]
    fn a_key_as_events_ends_three_times() {
        let mut keys = Keys::new("5", 100, 70);
        let steps = all(&mut keys, true);
        let e = |flags, ticks: u16, first| {
            let [high, low] = (ticks * 160).to_be_bytes();
            Step::Event {
                payload: [5, flags, high, low],
                first,
            }
        };
        assert_eq!(
            steps,
            [
                e(10, 1, true),
                e(10, 2, false),
                e(10, 3, false),
                e(10, 4, false),
                e(138, 5, false),
                e(138, 5, false),
                e(138, 5, false),
                Step::Gap,
                Step::Gap,
            ]
        );
    }

    #[test]
    fn tones_gaps_and_waits_last_as_long_as_asked() {
        let steps = all(&mut Keys::new("1w?9", 60, 100), false);
        let runs: Vec<(Step, usize)> = steps
            .chunk_by(|a, b| a == b)
            .map(|run| (run[0], run.len()))
            .collect();
        assert_eq!(
            runs,
            [
                (Step::Tone, 3),
                (Step::Gap, 5 + 25),
                (Step::Tone, 3),
                (Step::Gap, 5)
            ]
        );
    }

    #[test]
    fn nothing_to_send_is_over_at_once() {
        assert_eq!(all(&mut Keys::new("xyz", 100, 70), true), []);
    }
}
