//! The far end's side of a bidirectional stream: what it says is read, queued and played; it is told
//! when a mark was reached, and warned of once for each kind of thing it does wrong.

mod json;
mod message;
mod playout;

use std::time::Instant;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use self::message::{Fault, Message, Said};
use self::playout::Playout;

/// What waits to be played or told is full.
pub const DISCARDED: u32 = 31931;
/// A binary message.
pub const BINARY: u32 = 31950;
/// A text that is no message.
pub const INVALID: u32 = 31951;

/// Some senders leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// What the names of marks may take, played or not yet told, with what a mark costs besides.
const MAX_MARKS: usize = 2 << 20;
const MARK_COST: usize = 64;

/// What the far end is worth a warning for.
#[derive(Debug, PartialEq, Eq)]
pub struct Warning {
    pub code: u32,
    pub detail: String,
}

#[derive(Debug)]
pub struct Talk {
    stream_sid: Box<str>,
    strict: bool,
    queue: Playout,
    /// Of all marks that came and were not told yet.
    marks_cost: usize,
    warned: Vec<u32>,
}

impl Talk {
    pub fn new(stream_sid: &str, strict: bool) -> Self {
        Self {
            stream_sid: stream_sid.into(),
            strict,
            queue: Playout::default(),
            marks_cost: 0,
            warned: Vec::new(),
        }
    }

    /// A text message; a warning where it is worth one that was not given yet. Ask
    /// [`reached`](Self::reached) afterwards.
    pub fn hear(&mut self, now: Instant, text: &[u8]) -> Option<Warning> {
        let done = message::read(text, &self.stream_sid).and_then(|said| self.heed(now, said));
        match done {
            Ok(None) => None,
            Ok(Some(why)) => self.discarded(why),
            Err(fault) => self.warn(INVALID, || fault.to_string()),
        }
    }

    /// A binary message.
    pub fn hear_binary(&mut self, bytes: usize) -> Option<Warning> {
        self.warn(BINARY, || format!("of {bytes} bytes"))
    }

    /// Something for it had to be dropped.
    pub fn discarded(&mut self, why: &str) -> Option<Warning> {
        self.warn(DISCARDED, || why.to_owned())
    }

    /// The name of the next mark to be told.
    pub fn reached(&mut self) -> Option<Box<str>> {
        let name = self.queue.reached()?;
        self.marks_cost -= cost(&name);
        Some(name)
    }

    /// Fill one packet. Ask [`reached`](Self::reached) afterwards.
    pub fn speak(&mut self, now: Instant, packet: &mut [u8]) {
        self.queue.take(now, packet);
    }

    pub fn played_ms(&self) -> u64 {
        self.queue.played_ms()
    }

    /// Do what is said; what did not fit in words.
    fn heed(&mut self, now: Instant, message: Message<'_>) -> Result<Option<&'static str>, Fault> {
        let mut full = None;
        match message.said {
            Said::Media(payload) => {
                let audio = BASE64
                    .decode(payload.as_bytes())
                    .map_err(|_| Fault::NotBase64)?;
                if !self.queue.push(now, &audio) {
                    full = Some("ten minutes are queued already");
                }
            }
            Said::Mark(name) => {
                if self.marks_cost + cost(&name) > MAX_MARKS {
                    full = Some("too many marks are queued already, one was dropped");
                } else {
                    self.marks_cost += cost(&name);
                    self.queue.mark(name.into());
                }
            }
            Said::Clear => self.queue.clear(),
        }
        match message.too_many.filter(|_| self.strict && full.is_none()) {
            Some(field) => Err(Fault::TooMany(field)),
            None => Ok(full),
        }
    }

    fn warn(&mut self, code: u32, detail: impl FnOnce() -> String) -> Option<Warning> {
        if self.warned.contains(&code) {
            return None;
        }
        self.warned.push(code);
        let detail = detail();
        Some(Warning { code, detail })
    }
}

fn cost(name: &str) -> usize {
    name.len() + MARK_COST
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn media(payload: &str) -> Vec<u8> {
        format!(r#"{{"event":"media","streamSid":"MZ1","media":{{"payload":"{payload}"}}}}"#)
            .into_bytes()
    }

    fn mark(name: &str) -> Vec<u8> {
        format!(r#"{{"event":"mark","streamSid":"MZ1","mark":{{"name":"{name}"}}}}"#).into_bytes()
    }

    fn code(warning: Option<Warning>) -> u32 {
        warning.map_or(0, |warning| warning.code)
    }

    #[test]
    fn each_kind_of_fault_is_warned_of_once() {
        let (mut talk, now) = (Talk::new("MZ1", false), Instant::now());
        assert_eq!(code(talk.hear(now, b"hello")), INVALID);
        assert_eq!(code(talk.hear(now, b"{}")), 0);
        assert_eq!(code(talk.hear_binary(160)), BINARY);
        assert_eq!(code(talk.hear_binary(160)), 0);
        let minute = BASE64.encode(vec![0x55; 60 * 8000]);
        let codes: Vec<u32> = (0..12)
            .map(|_| code(talk.hear(now, &media(&minute))))
            .collect();
        assert_eq!(codes, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, DISCARDED, 0]);
    }

    #[test]
    fn a_field_too_many_is_tolerated_and_warned_of_where_it_was_asked_for() {
        let text = br#"{"event":"media","streamSid":"MZ1","media":{"payload":"/////w==","track":"outbound"}}"#;
        for (strict, expected) in [(false, 0), (true, INVALID)] {
            let (mut talk, now) = (Talk::new("MZ1", strict), Instant::now());
            assert_eq!(code(talk.hear(now, text)), expected);
            talk.speak(now + std::time::Duration::from_secs(1), &mut [0; 160]);
            assert_eq!(talk.queue.played_ms(), 0, "four bytes");
            assert!(talk.hear(now, &mark("m")).is_none());
            assert_eq!(talk.reached().as_deref(), Some("m"), "it was played");
        }
    }

    #[test]
    fn padding_may_be_left_out_and_what_is_not_base64_is_not_played() {
        let (mut talk, now) = (Talk::new("MZ1", false), Instant::now());
        for payload in ["VVU", "VVU=", ""] {
            assert_eq!(talk.hear(now, &media(payload)), None, "{payload}");
        }
        assert_eq!(code(talk.hear(now, &media("VVU!VVU="))), INVALID);
        let mut packet = [0; 160];
        talk.speak(now + std::time::Duration::from_secs(1), &mut packet);
        assert_eq!(packet[..5], [0x55, 0x55, 0x55, 0x55, 0xFF]);
    }

    #[test]
    fn marks_that_are_not_reached_are_bounded() {
        let (mut talk, now) = (Talk::new("MZ1", false), Instant::now());
        talk.hear(now, &media("VVVV"));
        let long = mark(&"m".repeat(100_000));
        let codes: Vec<u32> = (0..22).map(|_| code(talk.hear(now, &long))).collect();
        assert_eq!(codes.iter().position(|&code| code == DISCARDED), Some(20));
        talk.hear(now, br#"{"event":"clear","streamSid":"MZ1"}"#);
        assert_eq!(std::iter::from_fn(|| talk.reached()).count(), 20);
        assert_eq!(talk.marks_cost, 0);
        talk.hear(now, &long);
        assert!(talk.reached().is_some());
    }

    proptest! {
        #[test]
        fn whatever_comes_what_was_queued_before_is_played(noise in prop::collection::vec(any::<Vec<u8>>(), 0..8)) {
            let (mut talk, now) = (Talk::new("MZ1", true), Instant::now());
            talk.hear(now, &media(&BASE64.encode([7; 160])));
            let warnings = noise.iter().filter_map(|bytes| talk.hear(now, bytes)).count();
            prop_assert!(warnings <= 1);
            let mut packet = [0; 160];
            talk.speak(now, &mut packet);
            prop_assert_eq!(packet, [7; 160]);
        }
    }
}
