//! What a stream's frames look like. The default is Twilio's wire to the letter; every field that
//! differs from it is an extension.

use std::time::Instant;

use crate::clock::CHUNK_MS;

/// How samples are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Format {
    /// G.711 µ-law, 8 kHz.
    #[default]
    Mulaw,
    /// G.711 A-law, 8 kHz.
    Alaw,
    /// 16-bit little-endian samples, 8 kHz.
    L16Narrow,
    /// The same at 16 kHz.
    L16Wide,
    /// The same at 24 kHz.
    L16Wider,
}

impl Format {
    /// The `encoding` of `start.mediaFormat`.
    #[must_use]
    pub fn encoding(self) -> &'static str {
        match self {
            Self::Mulaw => "audio/x-mulaw",
            Self::Alaw => "audio/x-alaw",
            Self::L16Narrow | Self::L16Wide | Self::L16Wider => "audio/x-l16",
        }
    }

    /// Samples a second of each channel.
    #[must_use]
    pub fn sample_rate(self) -> u32 {
        match self {
            Self::Mulaw | Self::Alaw | Self::L16Narrow => 8000,
            Self::L16Wide => 16_000,
            Self::L16Wider => 24_000,
        }
    }

    /// Bytes of one sample of one channel.
    pub(super) fn sample_bytes(self) -> usize {
        match self {
            Self::Mulaw | Self::Alaw => 1,
            Self::L16Narrow | Self::L16Wide | Self::L16Wider => 2,
        }
    }
}

/// How tracks become frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Channels {
    /// A frame is of one track.
    #[default]
    Separate,
    /// A frame is of both, interleaved: inbound left, outbound right.
    Stereo,
    /// A frame is the sum of both.
    Mixed,
}

impl Channels {
    /// The setting's value.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Separate => "separate",
            Self::Stereo => "stereo",
            Self::Mixed => "mixed",
        }
    }
}

/// How audio is put into WebSocket messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Framing {
    /// Text, base64 in JSON.
    #[default]
    Json,
    /// Binary, behind a header of 32 bytes. All else stays text.
    Binary,
}

impl Framing {
    /// The setting's value.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Binary => "binary",
        }
    }
}

/// The wall clock at some instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WallClock {
    /// When it was read.
    pub at: Instant,
    /// What it said, in ms since 1970.
    pub unix_ms: u64,
}

impl WallClock {
    pub(super) fn unix_ms(&self, when: Instant) -> u64 {
        match when.checked_duration_since(self.at) {
            Some(later) => self.unix_ms + later.as_millis() as u64,
            None => self
                .unix_ms
                .saturating_sub(self.at.saturating_duration_since(when).as_millis() as u64),
        }
    }
}

/// Events told between the audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Asides {
    /// Keys the leg's party presses; the core sees them itself.
    pub dtmf: bool,
    /// Holds and resumes, as [`Command::TellFork`](crate::Command::TellFork) says.
    pub hold: bool,
    /// Who joins and leaves the call, likewise.
    pub participant: bool,
}

impl Asides {
    /// The names of those that are told.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        [
            (self.dtmf, "dtmf"),
            (self.hold, "hold"),
            (self.participant, "participant"),
        ]
        .into_iter()
        .filter_map(|(told, name)| told.then_some(name))
    }
}

/// What a stream's frames look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// How samples are coded.
    pub format: Format,
    /// How tracks become frames. Anything but separate needs both tracks.
    pub channels: Channels,
    /// How audio is put into messages.
    pub framing: Framing,
    /// Audio in a frame: 20–200 ms, a multiple of 20.
    pub frame_ms: u32,
    /// Stamp every frame and event with the wall clock, read once before the fork began.
    pub wall_clock: Option<WallClock>,
    /// Events told between the audio.
    pub asides: Asides,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            format: Format::default(),
            channels: Channels::default(),
            framing: Framing::default(),
            frame_ms: CHUNK_MS as u32,
            wall_clock: None,
            asides: Asides::default(),
        }
    }
}

impl Shape {
    /// Chunks in a frame.
    pub(super) fn chunks(&self) -> u64 {
        (u64::from(self.frame_ms) / CHUNK_MS).max(1)
    }

    /// Is its audio sent just as Twilio sends it, whatever is told besides?
    #[must_use]
    pub fn has_plain_audio(&self) -> bool {
        let plain = Self {
            asides: self.asides,
            ..Self::default()
        };
        *self == plain
    }

    /// Channels of one frame.
    pub(super) fn frame_channels(&self) -> usize {
        match self.channels {
            Channels::Separate | Channels::Mixed => 1,
            Channels::Stereo => 2,
        }
    }

    /// Frames that together carry so many tracks.
    pub(super) fn frames_for(&self, tracks: usize) -> usize {
        match self.channels {
            Channels::Separate => tracks.max(1),
            Channels::Stereo | Channels::Mixed => 1,
        }
    }

    /// The longest payload of a frame.
    pub(super) fn payload_bytes(&self) -> usize {
        let samples = self.format.sample_rate() as usize / 1000 * self.frame_ms as usize;
        samples * self.frame_channels() * self.format.sample_bytes()
    }
}
