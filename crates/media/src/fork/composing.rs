//! What comes next on the wire: an event at its place, or the next frame, under the next number.

use std::time::Instant;

use super::aside::News;
use super::kept::Message;
use super::messages::Media;
use super::{Fork, ForkFrame, Rings};
use crate::clock::{CHUNK_MS, PER_MS};

/// One message, as it was appended.
#[derive(Debug, Clone, Copy)]
pub struct Composed {
    pub message: Message,
    /// Chunks of all tracks, for the totals.
    pub chunks: u64,
}

impl Fork {
    /// Append the oldest that was not composed yet, under the next number.
    pub(super) fn compose(&mut self, rings: &Rings, out: &mut Vec<u8>) -> Option<Composed> {
        if let Some(composed) = self.next_aside(rings, out) {
            return Some(composed);
        }
        let before = out.len();
        let composed = match self.shaper {
            Some(_) => self.next_shaped(rings, out),
            None => self.next_plain(rings, out),
        };
        if composed.is_some() {
            self.message_len = out.len() - before;
        }
        composed
    }

    pub(super) fn account(&mut self, now: Instant, composed: &Composed) {
        if composed.chunks > 0 {
            self.totals.sent(composed.chunks, composed.message.repaired);
            self.note_latency(now, composed.message.arrived);
        }
    }

    pub(super) fn next_aside(&mut self, rings: &Rings, out: &mut Vec<u8>) -> Option<Composed> {
        let audio_ms = self.reader.next_index(rings).map(|index| index * CHUNK_MS);
        let aside = self.asides.next(audio_ms)?;
        self.sequence += 1;
        let wall_ms = self.wall_ms(aside.at_ms);
        match &aside.news {
            News::Key(key) => self.messages.key(out, self.sequence, *key, wall_ms),
            News::Told { event, body } => {
                let timestamp_ms = aside.at_ms.saturating_sub(self.origin_ms);
                self.messages
                    .told(out, self.sequence, event, body, timestamp_ms, wall_ms);
            }
        }
        Some(Composed {
            message: Message {
                frame: ForkFrame::Event,
                chunks: [0, 0],
                clock_ms: aside.at_ms,
                arrived: None,
                repaired: 0,
            },
            chunks: 0,
        })
    }

    /// The wall clock at a time of the call's, where the stream wants it.
    pub(super) fn wall_ms(&self, clock_ms: u64) -> Option<u64> {
        let position = i64::try_from(clock_ms).unwrap_or(i64::MAX / 8) * PER_MS;
        Some(
            self.shape
                .wall_clock?
                .unix_ms(self.clock?.instant(position)),
        )
    }

    fn next_plain(&mut self, rings: &Rings, out: &mut Vec<u8>) -> Option<Composed> {
        let (track, chunk, frame) = self.reader.next(rings)?;
        self.sequence += 1;
        let clock_ms = (frame.index + 1) * CHUNK_MS;
        self.messages.media(
            out,
            &Media {
                sequence: self.sequence,
                track,
                chunk,
                timestamp_ms: clock_ms.saturating_sub(self.origin_ms),
                payload: &frame.payload,
            },
        );
        let mut chunks = [0, 0];
        chunks[track as usize] = 1;
        Some(Composed {
            message: Message {
                frame: ForkFrame::Media,
                chunks,
                clock_ms,
                arrived: frame.arrived,
                repaired: frame.filled.into(),
            },
            chunks: 1,
        })
    }

    /// What waited for the far server to answer says nothing about us.
    pub(super) fn note_latency(&mut self, now: Instant, arrived: Option<Instant>) {
        if let (Some(arrived), Some(opened)) = (arrived, self.opened)
            && arrived >= opened
        {
            self.totals.took(now.saturating_duration_since(arrived));
        }
    }
}
