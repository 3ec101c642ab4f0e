//! One channel of a shaped stream: chunks at 8 kHz in, samples at the stream's rate out.

use crate::clock::CHUNK;
use crate::resample::{Tripler, Upsampler};

/// 20 ms at the highest rate.
pub const MOST_SAMPLES: usize = 3 * CHUNK;

/// Resampling never stops between chunks that follow each other; its filters see no farther back
/// than one chunk.
#[derive(Debug)]
pub struct Lane {
    rate: Rate,
    /// The chunk that would follow.
    next: u64,
}

#[derive(Debug)]
enum Rate {
    Same,
    Double(Box<Upsampler>),
    Triple(Box<Tripler>),
}

impl Rate {
    fn new(sample_rate: u32) -> Self {
        match sample_rate {
            24_000 => Self::Triple(Box::new(Tripler::new())),
            16_000 => Self::Double(Box::new(Upsampler::new())),
            _ => Self::Same,
        }
    }
}

impl Lane {
    pub fn new(sample_rate: u32) -> Self {
        Self {
            rate: Rate::new(sample_rate),
            next: 0,
        }
    }

    /// Does this chunk not follow the last one? Then `feed` what came before it first, where it is known.
    pub fn is_broken_at(&self, index: u64) -> bool {
        self.next != index && !matches!(self.rate, Rate::Same)
    }

    /// Begin anew: no sound came before.
    pub fn restart(&mut self) {
        match &mut self.rate {
            Rate::Same => {}
            Rate::Double(filter) => **filter = Upsampler::new(),
            Rate::Triple(filter) => **filter = Tripler::new(),
        }
    }

    /// 20 ms; what they become is in `out` from its start.
    pub fn feed<'o>(
        &mut self,
        index: u64,
        chunk: &[i16; CHUNK],
        out: &'o mut [i16; MOST_SAMPLES],
    ) -> &'o [i16] {
        self.next = index + 1;
        let per_sample = match &mut self.rate {
            Rate::Same => {
                out[..CHUNK].copy_from_slice(chunk);
                1
            }
            Rate::Double(filter) => {
                for (to, &sample) in out.as_chunks_mut::<2>().0.iter_mut().zip(chunk) {
                    *to = filter.sample(sample);
                }
                2
            }
            Rate::Triple(filter) => {
                for (to, &sample) in out.as_chunks_mut::<3>().0.iter_mut().zip(chunk) {
                    *to = filter.sample(sample);
                }
                3
            }
        };
        &out[..per_sample * CHUNK]
    }
}
