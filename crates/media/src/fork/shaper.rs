//! From chunks of the timelines to the payload of one frame of a shaped stream.

use std::ops::Range;
use std::time::Instant;

use super::lane::{Lane, MOST_SAMPLES};
use super::reader::{Reader, Rings};
use super::shape::{Channels, Format, Shape};
use crate::clock::CHUNK;
use crate::config::Track;
use crate::g711::{ULAW_SILENCE, ULAW_TO_ALAW, ULAW_TO_LINEAR, linear_to_alaw, linear_to_ulaw};

const SILENCE: [u8; CHUNK] = [ULAW_SILENCE; CHUNK];

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// One track.
    One(Track),
    /// Both, side by side.
    Stereo,
    /// Both, summed.
    Mixed,
}

impl Content {
    /// The `track` of its messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::One(track) => track.name(),
            Self::Stereo => "stereo",
            Self::Mixed => "mixed",
        }
    }

    pub fn tracks(self) -> &'static [Track] {
        match self {
            Self::One(Track::Inbound) => &[Track::Inbound],
            Self::One(Track::Outbound) => &[Track::Outbound],
            Self::Stereo | Self::Mixed => &Track::ALL,
        }
    }
}

/// One frame's place, and what is in it.
#[derive(Debug)]
pub struct Cut {
    pub content: Content,
    /// Chunks on the call's clock.
    pub span: Range<u64>,
}

/// What became of a frame's chunks.
#[derive(Debug, Default)]
pub struct Shaped {
    /// When the last packet in it came.
    pub arrived: Option<Instant>,
    /// Samples that are a repair, over all its tracks.
    pub filled: u32,
    /// Chunks of tracks in it.
    pub chunks: u64,
}

/// The encoder of one fork. Made with all the room it will need.
#[derive(Debug)]
pub struct Shaper {
    shape: Shape,
    /// By track; a mixture is on the first.
    lanes: [Lane; 2],
    payload: Vec<u8>,
}

impl Shaper {
    pub fn new(shape: Shape) -> Self {
        let rate = shape.format.sample_rate();
        Self {
            shape,
            lanes: [Lane::new(rate), Lane::new(rate)],
            payload: Vec::with_capacity(shape.payload_bytes()),
        }
    }

    /// The oldest frame that can be made now.
    pub fn next(&self, tracks: &[Track], reader: &Reader, rings: &Rings) -> Option<Cut> {
        let per = self.shape.chunks();
        let cut = |content: Content| {
            let span = reader.span(content.tracks(), per, rings)?;
            Some(Cut { content, span })
        };
        match self.shape.channels {
            Channels::Stereo => cut(Content::Stereo),
            Channels::Mixed => cut(Content::Mixed),
            Channels::Separate => Track::ALL
                .into_iter()
                .filter(|track| tracks.contains(track))
                .filter_map(|track| cut(Content::One(track)))
                .min_by_key(|cut| cut.span.start),
        }
    }

    /// Take a frame's chunks; its payload is in [`payload`](Self::payload) then.
    pub fn take(&mut self, cut: &Cut, reader: &mut Reader, rings: &Rings) -> Shaped {
        self.payload.clear();
        let mut shaped = Shaped::default();
        for index in cut.span.clone() {
            match cut.content {
                Content::One(track) => {
                    let audio = chunk(track, index, reader, rings, &mut shaped);
                    self.one(track, index, &audio, || before(track, index, reader, rings));
                }
                Content::Stereo => {
                    let [left, right] =
                        Track::ALL.map(|track| chunk(track, index, reader, rings, &mut shaped));
                    self.stereo(index, [&left, &right], |track| {
                        before(track, index, reader, rings)
                    });
                }
                Content::Mixed => {
                    let [left, right] =
                        Track::ALL.map(|track| chunk(track, index, reader, rings, &mut shaped));
                    self.mixed(index, [&left, &right], || {
                        let [left, right] =
                            Track::ALL.map(|track| before(track, index, reader, rings));
                        Some(mix([&left.unwrap_or(SILENCE), &right.unwrap_or(SILENCE)]))
                    });
                }
            }
        }
        shaped
    }

    /// Of the frame that was taken last.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    fn one(
        &mut self,
        track: Track,
        index: u64,
        audio: &[u8; CHUNK],
        before: impl FnOnce() -> Option<[u8; CHUNK]>,
    ) {
        match self.shape.format {
            Format::Mulaw => self.payload.extend_from_slice(audio),
            Format::Alaw => self
                .payload
                .extend(audio.iter().map(|&code| ULAW_TO_ALAW[usize::from(code)])),
            Format::L16Narrow | Format::L16Wide | Format::L16Wider => {
                let mut room = [0; MOST_SAMPLES];
                let lane = &mut self.lanes[track as usize];
                let before = || Some(linear(&before()?));
                let samples = resampled(lane, index, &linear(audio), before, &mut room);
                self.payload
                    .extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
            }
        }
    }

    fn stereo(
        &mut self,
        index: u64,
        [left, right]: [&[u8; CHUNK]; 2],
        before: impl Fn(Track) -> Option<[u8; CHUNK]>,
    ) {
        let pairs = left.iter().zip(right);
        match self.shape.format {
            Format::Mulaw => self
                .payload
                .extend(pairs.flat_map(|(&left, &right)| [left, right])),
            Format::Alaw => self.payload.extend(pairs.flat_map(|(&left, &right)| {
                [left, right].map(|code| ULAW_TO_ALAW[usize::from(code)])
            })),
            Format::L16Narrow | Format::L16Wide | Format::L16Wider => {
                let mut rooms = [[0; MOST_SAMPLES]; 2];
                let [left_room, right_room] = &mut rooms;
                let [left_lane, right_lane] = &mut self.lanes;
                let left_before = || Some(linear(&before(Track::Inbound)?));
                let right_before = || Some(linear(&before(Track::Outbound)?));
                let left = resampled(left_lane, index, &linear(left), left_before, left_room);
                let right = resampled(right_lane, index, &linear(right), right_before, right_room);
                for (left, right) in left.iter().zip(right) {
                    self.payload.extend_from_slice(&left.to_le_bytes());
                    self.payload.extend_from_slice(&right.to_le_bytes());
                }
            }
        }
    }

    fn mixed(
        &mut self,
        index: u64,
        both: [&[u8; CHUNK]; 2],
        before: impl FnOnce() -> Option<[i16; CHUNK]>,
    ) {
        let sum = mix(both);
        match self.shape.format {
            Format::Mulaw => self.payload.extend(sum.map(linear_to_ulaw)),
            Format::Alaw => self.payload.extend(sum.map(linear_to_alaw)),
            Format::L16Narrow | Format::L16Wide | Format::L16Wider => {
                let mut room = [0; MOST_SAMPLES];
                let samples = resampled(&mut self.lanes[0], index, &sum, before, &mut room);
                self.payload
                    .extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
            }
        }
    }
}

/// A track's chunk at that place; silence where it has none.
fn chunk(
    track: Track,
    index: u64,
    reader: &mut Reader,
    rings: &Rings,
    shaped: &mut Shaped,
) -> [u8; CHUNK] {
    shaped.chunks += 1;
    let Some(frame) = reader.take(track, index, rings) else {
        return SILENCE;
    };
    shaped.arrived = shaped.arrived.max(frame.arrived);
    shaped.filled += u32::from(frame.filled);
    frame.audio()
}

/// The chunk before the one that was just taken, where the ring still has it.
fn before(track: Track, index: u64, reader: &Reader, rings: &Rings) -> Option<[u8; CHUNK]> {
    Some(reader.before_last(track, index, rings)?.audio())
}

/// After a gap the filters are given what came right before the audio, so that the samples of a
/// chunk are the same however a far end came to it.
fn resampled<'o>(
    lane: &mut Lane,
    index: u64,
    audio: &[i16; CHUNK],
    before: impl FnOnce() -> Option<[i16; CHUNK]>,
    room: &'o mut [i16; MOST_SAMPLES],
) -> &'o [i16] {
    if lane.is_broken_at(index) {
        lane.restart();
        if let Some(before) = before() {
            lane.feed(index.wrapping_sub(1), &before, room);
        }
    }
    lane.feed(index, audio, room)
}

fn linear(audio: &[u8; CHUNK]) -> [i16; CHUNK] {
    audio.map(|code| ULAW_TO_LINEAR[usize::from(code)])
}

fn mix([left, right]: [&[u8; CHUNK]; 2]) -> [i16; CHUNK] {
    let (mut sum, right) = (linear(left), linear(right));
    for (sample, other) in sum.iter_mut().zip(right) {
        *sample = sample.saturating_add(other);
    }
    sum
}
