//! Telephone-events in: one press for each key, whatever packets are lost or come twice.

use std::time::{Duration, Instant};

use super::{Digit, Press};
use crate::seq::Timestamp;

/// All end packets of a key lost: it is over when nothing more is heard of it.
const SILENT: Duration = Duration::from_millis(300);
/// The longest duration one event can tell; a longer key goes on as a new segment whose
/// timestamp is that much later (RFC 4733 §2.5.1.3).
const SEGMENT: u32 = 0xFFFF;

/// Four bytes: event, end bit and volume, duration (RFC 4733 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Event {
    code: u8,
    end: bool,
    duration: u16,
}

#[derive(Debug, Default)]
pub struct Receiver {
    key: Option<Key>,
}

/// The newest key; kept after its end, so that repeated end packets are known.
#[derive(Debug)]
struct Key {
    digit: Option<Digit>,
    timestamp: Timestamp,
    /// Ticks in segments before this one.
    before: u32,
    duration: u32,
    heard: Instant,
    told: bool,
}

/// The payload is no telephone-event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl Receiver {
    /// A telephone-event packet that has not come before.
    pub fn receive(
        &mut self,
        now: Instant,
        timestamp: Timestamp,
        payload: &[u8],
        press: &mut impl FnMut(Press),
    ) -> Result<(), Malformed> {
        let event = parse(payload)?;
        let digit = Digit::from_event(event.code);
        if let Some(key) = &mut self.key {
            let later = timestamp.since(key.timestamp);
            if later < 0 {
                return Ok(());
            }
            let goes_on = !key.told && digit == key.digit && later as u32 == SEGMENT;
            if later == 0 || goes_on {
                if goes_on {
                    key.before += SEGMENT;
                    key.duration = 0;
                    key.timestamp = timestamp;
                }
                key.heard = now;
                key.duration = key.duration.max(event.duration.into());
                if event.end {
                    key.tell(press);
                }
                return Ok(());
            }
            key.tell(press);
        }
        let mut key = Key {
            digit,
            timestamp,
            before: 0,
            duration: event.duration.into(),
            heard: now,
            told: false,
        };
        if event.end {
            key.tell(press);
        }
        self.key = Some(key);
        Ok(())
    }

    /// A new source: what it sends has nothing to do with keys before.
    pub fn reset(&mut self, press: &mut impl FnMut(Press)) {
        if let Some(mut key) = self.key.take() {
            key.tell(press);
        }
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.key
            .as_ref()
            .filter(|key| !key.told)
            .map(|key| key.heard + SILENT)
    }

    pub fn handle_timeout(&mut self, now: Instant, press: &mut impl FnMut(Press)) {
        if self.next_timeout().is_some_and(|due| due <= now)
            && let Some(key) = &mut self.key
        {
            key.tell(press);
        }
    }
}

impl Key {
    fn tell(&mut self, press: &mut impl FnMut(Press)) {
        if self.told {
            return;
        }
        self.told = true;
        if let Some(digit) = self.digit {
            press(Press {
                digit,
                duration_ms: (self.before + self.duration) / 8,
            });
        }
    }
}

fn parse(payload: &[u8]) -> Result<Event, Malformed> {
    match *payload {
        [code, flags, high, low, ..] => Ok(Event {
            code,
            end: flags & 0x80 != 0,
            duration: u16::from_be_bytes([high, low]),
        }),
        _ => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Rig {
        start: Instant,
        receiver: Receiver,
        presses: Vec<(char, u32)>,
    }

    impl Rig {
        fn new() -> Self {
            Self {
                start: Instant::now(),
                receiver: Receiver::default(),
                presses: Vec::new(),
            }
        }

        fn event(&mut self, at_ms: u64, timestamp: u32, name: char, end: bool, duration: u16) {
            let now = self.start + Duration::from_millis(at_ms);
            let presses = &mut self.presses;
            let mut press = |p: Press| presses.push((p.digit.char(), p.duration_ms));
            self.receiver.handle_timeout(now, &mut press);
            let [high, low] = duration.to_be_bytes();
            let code = Digit::from_char(name).map_or(16, Digit::event);
            let payload = [code, u8::from(end) << 7 | 10, high, low];
            self.receiver
                .receive(now, Timestamp(timestamp), &payload, &mut press)
                .unwrap();
        }
    }

    #[test]
    fn a_key_with_three_end_packets_is_one_press() {
        let mut rig = Rig::new();
        for n in 1..=5 {
            rig.event(n * 20, 1000, '5', false, n as u16 * 160);
        }
        for n in 6..9 {
            rig.event(n * 20, 1000, '5', true, 800);
        }
        assert_eq!(rig.presses, [('5', 100)]);
    }

    #[test]
    fn the_same_key_twice_is_two_presses() {
        let mut rig = Rig::new();
        for timestamp in [1000, 3000] {
            rig.event(20, timestamp, '7', false, 160);
            rig.event(40, timestamp, '7', true, 320);
            rig.event(40, timestamp, '7', true, 320);
        }
        assert_eq!(rig.presses, [('7', 40), ('7', 40)]);
    }

    #[test]
    fn one_packet_of_any_kind_is_enough() {
        let mut rig = Rig::new();
        rig.event(0, 1000, '1', true, 800); // only an end packet came
        rig.event(200, 3000, '2', false, 160); // only the first came, then another key
        rig.event(400, 5000, '3', false, 320); // all ends lost, nothing follows
        let presses = &mut rig.presses;
        let due = rig.receiver.next_timeout().unwrap();
        rig.receiver.handle_timeout(due, &mut |p: Press| {
            presses.push((p.digit.char(), p.duration_ms))
        });
        assert_eq!(rig.receiver.next_timeout(), None);
        assert_eq!(rig.presses, [('1', 100), ('2', 20), ('3', 40)]);
    }

    #[test]
    fn packets_out_of_order_do_not_make_a_key_again() {
        let mut rig = Rig::new();
        rig.event(0, 1000, '1', true, 800);
        rig.event(10, 3000, '2', true, 160);
        rig.event(20, 1000, '1', false, 640);
        rig.event(30, 3000, '2', false, 80);
        assert_eq!(rig.presses, [('1', 100), ('2', 20)]);
    }

    #[test]
    fn a_key_held_beyond_the_duration_field_is_still_one() {
        let mut rig = Rig::new();
        let mut timestamp = 500_u32;
        for _ in 0..2 {
            rig.event(0, timestamp, '#', false, 40_000);
            rig.event(0, timestamp, '#', false, 0xFFFF);
            timestamp += 0xFFFF;
        }
        rig.event(0, timestamp, '#', true, 8000);
        assert_eq!(rig.presses, [('#', (2 * 0xFFFF + 8000) / 8)]);
    }

    #[test]
    fn other_events_are_no_keys_and_short_payloads_no_events() {
        let mut rig = Rig::new();
        rig.event(0, 1000, 'x', true, 800);
        assert_eq!(rig.presses, []);
        let result = rig
            .receiver
            .receive(rig.start, Timestamp(0), &[1, 2, 3], &mut |_| ());
        assert_eq!(result, Err(Malformed));
    }

    proptest! {
        /// Any loss that leaves one packet of a key, any doubling, mild reordering: one press each.
        #[test]
        fn keys_survive_loss_and_doubles(
            keys in prop::collection::vec((0_u8..16, 2_u64..20, prop::collection::vec(0_u8..4, 24)), 1..10)
        ) {
            let mut rig = Rig::new();
            let mut timestamp = u32::MAX - 5000;
            let mut at = 0;
            let mut expected = Vec::new();
            for (code, ticks, fates) in keys {
                let name = Digit::from_event(code).unwrap().char();
                let mut heard = false;
                for n in 1..=ticks + 2 {
                    let end = n >= ticks;
                    let duration = (n.min(ticks) * 160) as u16;
                    for _ in 0..fates[n as usize] / 2 {
                        rig.event(at + n * 20, timestamp, name, end, duration);
                        heard = true;
                    }
                }
                if heard {
                    expected.push(name);
                }
                at += ticks * 20 + 400;
                timestamp = timestamp.wrapping_add((ticks * 160 + 3200) as u32);
            }
            let presses = &mut rig.presses;
            rig.receiver.reset(&mut |p: Press| presses.push((p.digit.char(), p.duration_ms)));
            prop_assert_eq!(rig.presses.iter().map(|p| p.0).collect::<Vec<_>>(), expected);
        }

        #[test]
        fn any_payload_is_survived(payloads in prop::collection::vec((any::<u32>(), prop::collection::vec(any::<u8>(), 0..8)), 0..50)) {
            let now = Instant::now();
            let mut receiver = Receiver::default();
            for (timestamp, payload) in payloads {
                let _ = receiver.receive(now, Timestamp(timestamp), &payload, &mut |_| ());
            }
        }
    }
}
