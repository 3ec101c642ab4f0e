//! The media thread's end of one recording.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bridgetap_media::RecordId;

use super::FileOrder;

/// Collects 20 ms chunks into larger pieces for the file thread.
#[derive(Debug)]
pub(crate) struct Recorder {
    record: RecordId,
    samples: Vec<i16>,
    channels: usize,
    on_the_way: Arc<AtomicUsize>,
    dropped: u64,
}

/// Samples of one channel in a piece: 200 ms.
const PIECE: usize = 1600;
/// Samples of one channel that may be on their way to the disk: 10 s.
const MAX_ON_THE_WAY: usize = 80_000;
const SAMPLES_PER_MS: u64 = 8;

impl Recorder {
    pub(crate) fn new(record: RecordId) -> Self {
        Self {
            record,
            samples: Vec::new(),
            channels: 1,
            on_the_way: Arc::default(),
            dropped: 0,
        }
    }

    /// Take one chunk; a full piece is appended to `orders`.
    pub(crate) fn push(&mut self, channels: usize, chunk: &[i16], orders: &mut Vec<FileOrder>) {
        self.channels = channels.max(1);
        if self.samples.capacity() == 0 {
            self.samples.reserve_exact(PIECE * self.channels);
        }
        self.samples.extend_from_slice(chunk);
        if self.samples.len() >= PIECE * self.channels {
            self.send(orders);
        }
    }

    /// No more comes: the rest, and the order to close the file.
    pub(crate) fn finish(mut self, orders: &mut Vec<FileOrder>) {
        if !self.samples.is_empty() {
            self.send(orders);
        }
        orders.push(FileOrder::Close {
            record: self.record,
            ms_dropped: self.dropped / self.channels as u64 / SAMPLES_PER_MS,
        });
    }

    fn send(&mut self, orders: &mut Vec<FileOrder>) {
        let count = self.samples.len();
        if self.on_the_way.load(Ordering::Relaxed) + count > MAX_ON_THE_WAY * self.channels {
            self.dropped += count as u64;
            self.samples.clear();
            return;
        }
        self.on_the_way.fetch_add(count, Ordering::Relaxed);
        let next = Vec::with_capacity(PIECE * self.channels);
        orders.push(FileOrder::Samples {
            record: self.record,
            samples: std::mem::replace(&mut self.samples, next),
            on_the_way: self.on_the_way.clone(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(orders: &[FileOrder]) -> Vec<usize> {
        orders
            .iter()
            .filter_map(|order| match order {
                FileOrder::Samples { samples, .. } => Some(samples.len()),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn chunks_travel_in_pieces_and_the_rest_at_the_end() {
        let mut recorder = Recorder::new(RecordId(1));
        let mut orders = Vec::new();
        for _ in 0..25 {
            recorder.push(2, &[0; 320], &mut orders);
        }
        assert_eq!(sizes(&orders), [3200, 3200]);
        recorder.finish(&mut orders);
        assert_eq!(sizes(&orders), [3200, 3200, 1600]);
        assert!(matches!(
            orders.last(),
            Some(FileOrder::Close { ms_dropped: 0, .. })
        ));
    }

    #[test]
    fn what_a_slow_disk_cannot_take_is_dropped_and_counted() {
        let mut recorder = Recorder::new(RecordId(1));
        let mut orders = Vec::new();
        for _ in 0..550 {
            recorder.push(1, &[0; 160], &mut orders); // 11 s, and nobody writes
        }
        assert_eq!(sizes(&orders).iter().sum::<usize>(), MAX_ON_THE_WAY);
        recorder.on_the_way.store(0, Ordering::Relaxed); // the disk has caught up
        for _ in 0..10 {
            recorder.push(1, &[0; 160], &mut orders);
        }
        assert_eq!(sizes(&orders).iter().sum::<usize>(), MAX_ON_THE_WAY + PIECE);
        recorder.finish(&mut orders);
        assert!(matches!(
            orders.last(),
            Some(FileOrder::Close {
                ms_dropped: 1000,
                ..
            })
        ));
    }
}
