//! The chunks of one track that forks have yet to send, base64-encoded once for all of them.
//!
//! Each fork reads at its own place. The ring is as long as the slowest fork is behind, which
//! every fork bounds for itself; it gives memory back when nobody is behind any more.

use std::collections::VecDeque;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::messages::PAYLOAD;
use crate::clock::CHUNK;
use crate::timeline::Chunk;

/// What a ring keeps room for.
const SMALL: usize = 8;

#[derive(Debug)]
pub struct Frame {
    /// Its place on the call's clock.
    pub index: u64,
    pub payload: [u8; PAYLOAD],
    pub arrived: Option<Instant>,
    /// Samples of it that are a repair.
    pub filled: u16,
}

impl Frame {
    /// The chunk itself.
    pub fn audio(&self) -> [u8; CHUNK] {
        // Two more than are needed: the decoder estimates before it counts.
        let mut room = [0; CHUNK + 2];
        let _ = STANDARD.decode_slice(self.payload, &mut room);
        std::array::from_fn(|at| room[at])
    }
}

/// Frames are numbered in the order they were pushed.
#[derive(Debug)]
pub struct Ring {
    frames: VecDeque<Frame>,
    /// The number of the oldest.
    first: u64,
}

impl Ring {
    pub fn new() -> Self {
        Self {
            frames: VecDeque::with_capacity(SMALL),
            first: 0,
        }
    }

    /// The number of the frame that comes next.
    pub fn end(&self) -> u64 {
        self.first + self.frames.len() as u64
    }

    pub fn push(&mut self, chunk: &Chunk<'_>) {
        let mut payload = [b'='; PAYLOAD];
        // 160 bytes make exactly 216 characters, so this cannot fail.
        let _ = STANDARD.encode_slice(chunk.audio, &mut payload);
        self.frames.push_back(Frame {
            index: chunk.index,
            payload,
            arrived: chunk.arrived,
            filled: chunk.filled,
        });
    }

    pub fn get(&self, number: u64) -> Option<&Frame> {
        let at = number.checked_sub(self.first)?;
        self.frames.get(usize::try_from(at).ok()?)
    }

    /// Nobody wants the frames before `number` any more.
    pub fn forget_before(&mut self, number: u64) {
        while self.first < number && self.frames.pop_front().is_some() {
            self.first += 1;
        }
        if self.frames.len() < SMALL && self.frames.capacity() > 4 * SMALL {
            self.frames.shrink_to(SMALL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(ring: &mut Ring, index: u64) {
        ring.push(&Chunk {
            index,
            audio: &[0xFF; 160],
            arrived: None,
            filled: 0,
        });
    }

    #[test]
    fn frames_keep_their_numbers_and_memory_goes_back() {
        let mut ring = Ring::new();
        for index in 0..300 {
            push(&mut ring, 1000 + index);
        }
        assert_eq!(ring.get(299).map(|frame| frame.index), Some(1299));
        ring.forget_before(298);
        assert!(ring.get(297).is_none());
        assert_eq!(ring.get(298).map(|frame| frame.index), Some(1298));
        assert_eq!(ring.end(), 300);
        assert!(ring.frames.capacity() < 4 * SMALL);
        ring.forget_before(400);
        assert_eq!(ring.end(), 300);
    }

    #[test]
    fn the_payload_is_base64_of_the_chunk() {
        let mut ring = Ring::new();
        let audio = std::array::from_fn(|n| n as u8);
        ring.push(&Chunk {
            index: 0,
            audio: &audio,
            arrived: None,
            filled: 0,
        });
        let frame = ring.get(0).unwrap();
        assert_eq!(STANDARD.decode(frame.payload).unwrap(), audio);
        assert_eq!(frame.audio(), audio);
    }
}
