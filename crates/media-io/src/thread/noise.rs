//! Messages from the server, counted, up to a rate at which they are a flood (31924). On a one-way
//! stream the protocol allows none (31951, 31950), but servers in the field greet and echo, and the
//! original only warns: so they are thrown away. On a bidirectional one they are meant to be heard.

use std::time::{Duration, Instant};

/// What one server sent.
#[derive(Debug)]
pub(super) struct Noise {
    /// The stream is bidirectional.
    allowed: bool,
    text: u64,
    binary: u64,
    window: Instant,
    bytes_in_window: u64,
}

/// More than this in a second is a flood: eight times an echo of both tracks.
const FLOOD: u64 = 512 * 1024;
/// On a bidirectional stream ten minutes of audio may come as fast as the line is: 6.4 MB of base64.
const FLOOD_OF_SPEECH: u64 = 16 * 1024 * 1024;
/// What a message costs at least, so that many empty ones are a flood too.
const MESSAGE_COST: u64 = 256;

impl Noise {
    pub(super) fn new(now: Instant, allowed: bool) -> Self {
        Self {
            allowed,
            text: 0,
            binary: 0,
            window: now,
            bytes_in_window: 0,
        }
    }

    /// May the server send at all?
    pub(super) fn is_allowed(&self) -> bool {
        self.allowed
    }

    /// One message; true when that makes it a flood.
    pub(super) fn add(&mut self, now: Instant, binary: bool, bytes: u64) -> bool {
        if binary {
            self.binary += 1;
        } else {
            self.text += 1;
        }
        if now.saturating_duration_since(self.window) >= Duration::from_secs(1) {
            self.window = now;
            self.bytes_in_window = 0;
        }
        self.bytes_in_window += bytes + MESSAGE_COST;
        let limit = if self.allowed { FLOOD_OF_SPEECH } else { FLOOD };
        self.bytes_in_window > limit
    }

    /// For the end of the fork; `None` when the server kept to the protocol.
    pub(super) fn words(&self) -> Option<String> {
        if self.allowed {
            return None;
        }
        let text = (self.text > 0).then(|| format!("{} text (31951)", self.text));
        let binary = (self.binary > 0).then(|| format!("{} binary (31950)", self.binary));
        let what: Vec<String> = text.into_iter().chain(binary).collect();
        (!what.is_empty()).then(|| {
            format!(
                "the far server sent messages on a one-way stream, ignored: {}",
                what.join(", ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_is_tolerated_and_named() {
        let mut now = Instant::now();
        let mut noise = Noise::new(now, false);
        assert_eq!(noise.words(), None);
        for _ in 0..1000 {
            now += Duration::from_millis(10);
            assert!(!noise.add(now, false, 350));
        }
        noise.add(now, true, 1);
        let words = noise.words().unwrap();
        assert!(
            words.ends_with("1000 text (31951), 1 binary (31950)"),
            "{words}"
        );
    }

    #[test]
    fn a_flood_is_called_one_by_bytes_and_by_count() {
        let now = Instant::now();
        let mut noise = Noise::new(now, false);
        assert!(noise.add(now, true, FLOOD));
        let mut noise = Noise::new(now, false);
        let small = (0..10_000)
            .take_while(|_| !noise.add(now, false, 0))
            .count();
        assert!((1000..3000).contains(&small), "{small}");
    }

    #[test]
    fn ten_minutes_of_audio_in_a_second_are_no_flood_where_speech_is_allowed() {
        let now = Instant::now();
        let mut noise = Noise::new(now, true);
        let floods = (0..10).any(|_| noise.add(now, false, 640_000));
        assert!(!floods && noise.words().is_none());
        assert!((0..100).any(|_| noise.add(now, false, 640_000)));
    }
}
