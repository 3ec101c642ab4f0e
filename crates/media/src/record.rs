//! A recording: chunks of one or two tracks, brought together and handed on as samples.

use std::collections::VecDeque;

use crate::clock::CHUNK;
use crate::config::Track;
use crate::g711::{ULAW_SILENCE, ULAW_TO_LINEAR};
use crate::ids::RecordId;
use crate::sink::Sink;
use crate::timeline::Chunk;

/// One timeline runs at most this many chunks ahead of the other before the other is taken for
/// silent; both are held to the same clock far closer than this.
const AHEAD: usize = 50;

#[derive(Debug)]
pub struct Record {
    id: RecordId,
    tracks: Vec<Track>,
    /// The chunk handed on next.
    next: u64,
    /// Chunks of the track that is ahead.
    waiting: VecDeque<(Track, u64, [u8; CHUNK])>,
}

impl Record {
    /// Record from chunk `next` on.
    pub fn new(id: RecordId, tracks: &[Track], next: u64) -> Self {
        let mut distinct: Vec<Track> = Vec::with_capacity(2);
        for &track in tracks {
            if !distinct.contains(&track) {
                distinct.push(track);
            }
        }
        Self {
            id,
            tracks: distinct,
            next,
            waiting: VecDeque::new(),
        }
    }

    pub fn id(&self) -> RecordId {
        self.id
    }

    pub fn takes(&self, track: Track) -> bool {
        self.tracks.contains(&track)
    }

    pub fn chunk(&mut self, track: Track, chunk: &Chunk<'_>, sink: &mut impl Sink) {
        if !self.takes(track) || chunk.index < self.next {
            return;
        }
        if self.tracks.len() == 1 {
            self.hand_on(|_| Some(chunk.audio), sink);
            self.next = chunk.index + 1;
            return;
        }
        let other = self
            .waiting
            .iter()
            .position(|w| w.0 != track && w.1 == chunk.index);
        if let Some((_, _, audio)) = other.and_then(|at| self.waiting.remove(at)) {
            self.hand_on(
                |t| Some(if t == track { chunk.audio } else { &audio }),
                sink,
            );
            self.next = chunk.index + 1;
            return;
        }
        if self.waiting.len() >= AHEAD {
            self.hand_on_alone(sink);
        }
        self.waiting.push_back((track, chunk.index, *chunk.audio));
    }

    /// No more comes: what waits goes on, the other track silent.
    pub fn finish(&mut self, sink: &mut impl Sink) {
        while !self.waiting.is_empty() {
            self.hand_on_alone(sink);
        }
    }

    fn hand_on_alone(&mut self, sink: &mut impl Sink) {
        if let Some((track, index, audio)) = self.waiting.pop_front() {
            self.hand_on(|t| (t == track).then_some(&audio), sink);
            self.next = index + 1;
        }
    }

    fn hand_on<'a>(&self, of: impl Fn(Track) -> Option<&'a [u8; CHUNK]>, sink: &mut impl Sink) {
        let channels = self.tracks.len();
        let mut samples = [0; 2 * CHUNK];
        for (channel, &track) in self.tracks.iter().enumerate() {
            let audio = of(track).unwrap_or(&[ULAW_SILENCE; CHUNK]);
            for (sample, &code) in samples
                .iter_mut()
                .skip(channel)
                .step_by(channels)
                .zip(audio)
            {
                *sample = ULAW_TO_LINEAR[usize::from(code)];
            }
        }
        sink.record_samples(
            self.id,
            channels,
            samples.get(..channels * CHUNK).unwrap_or_default(),
        );
    }
}
