//! What a far server has said and the leg has yet to play: µ-law and marks, in order.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Ten minutes of audio (spec: what comes beyond is dropped).
pub const MAX_QUEUED: usize = 10 * 60 * 8000;
/// The µ-law of silence.
pub const SILENCE: u8 = 0xFF;
/// The beginning of a packet waits this long for its rest.
const GRACE: Duration = Duration::from_millis(40);
/// Memory comes and goes in pieces of a second: a long queue is never copied as a whole.
const BLOCK: usize = 8000;

#[derive(Debug, Default)]
pub struct Playout {
    /// Full but for the last one.
    blocks: VecDeque<Vec<u8>>,
    /// Bytes of the first block that were played.
    read: usize,
    queued: usize,
    /// How far the end of the queue is from the first byte ever pushed.
    end: u64,
    /// In order; each with the place in the audio that it stands behind.
    marks: VecDeque<(u64, Box<str>)>,
    pushed_at: Option<Instant>,
    played: u64,
}

impl Playout {
    /// Queue audio behind what is there. False: there is no room for all of it, and none was taken.
    pub fn push(&mut self, now: Instant, mut audio: &[u8]) -> bool {
        if audio.len() > MAX_QUEUED - self.queued {
            return false;
        }
        self.queued += audio.len();
        self.end += audio.len() as u64;
        while !audio.is_empty() {
            let room = self.blocks.back().map_or(0, |block| BLOCK - block.len());
            let (fits, later) = audio.split_at(room.min(audio.len()));
            match self.blocks.back_mut() {
                Some(block) if room > 0 => block.extend_from_slice(fits),
                _ => self
                    .blocks
                    .push_back(Vec::with_capacity(later.len().min(BLOCK))),
            }
            audio = later;
        }
        self.pushed_at = Some(now);
        true
    }

    /// A mark behind all that is queued.
    pub fn mark(&mut self, name: Box<str>) {
        self.marks.push_back((self.end, name));
    }

    /// The next mark before which all has been played.
    pub fn reached(&mut self) -> Option<Box<str>> {
        let (place, _) = self.marks.front()?;
        if *place > self.end - self.queued as u64 {
            return None;
        }
        self.marks.pop_front().map(|(_, name)| name)
    }

    /// Drop the audio: every mark is reached.
    pub fn clear(&mut self) {
        self.blocks = VecDeque::new();
        (self.read, self.queued) = (0, 0);
    }

    /// Fill one packet. Where there is too little it ends in silence; what may go on in a moment
    /// waits for that, and the packet is silence.
    pub fn take(&mut self, now: Instant, packet: &mut [u8]) {
        packet.fill(SILENCE);
        let may_go_on = self
            .pushed_at
            .is_some_and(|at| now.saturating_duration_since(at) < GRACE);
        if self.queued < packet.len() && may_go_on {
            return;
        }
        let mut rest = packet;
        while let Some(block) = self.blocks.front().filter(|_| !rest.is_empty()) {
            let from = block.get(self.read..).unwrap_or_default();
            let count = from.len().min(rest.len());
            let (to, later) = rest.split_at_mut(count);
            to.copy_from_slice(from.get(..count).unwrap_or_default());
            rest = later;
            self.read += count;
            self.queued -= count;
            self.played += count as u64;
            if self.read == block.len() {
                self.blocks.pop_front();
                self.read = 0;
            }
        }
    }

    /// Audio that was played, in ms.
    pub fn played_ms(&self) -> u64 {
        self.played / 8
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn taken(queue: &mut Playout, now: Instant, length: usize) -> Vec<u8> {
        let mut packet = vec![0; length];
        queue.take(now, &mut packet);
        packet
    }

    fn names(queue: &mut Playout) -> Vec<String> {
        std::iter::from_fn(|| queue.reached().map(String::from)).collect()
    }

    #[test]
    fn a_mark_is_reached_when_all_before_it_was_played_at_once_where_nothing_is() {
        let (mut queue, now) = (Playout::default(), Instant::now());
        queue.mark("at once".into());
        assert_eq!(names(&mut queue), ["at once"]);
        queue.push(now, &[1; 320]);
        queue.mark("middle".into());
        queue.push(now, &[2; 160]);
        queue.mark("end".into());
        taken(&mut queue, now, 160);
        assert!(names(&mut queue).is_empty());
        taken(&mut queue, now, 160);
        assert_eq!(names(&mut queue), ["middle"]);
        taken(&mut queue, now, 160);
        assert_eq!(names(&mut queue), ["end"]);
    }

    #[test]
    fn a_cleared_queue_has_reached_every_mark_in_order_and_goes_on_with_what_comes() {
        let (mut queue, now) = (Playout::default(), Instant::now());
        for name in ["a", "b", "c"] {
            queue.push(now, &[1; 8000]);
            queue.mark(name.into());
        }
        taken(&mut queue, now, 160);
        queue.clear();
        assert_eq!(names(&mut queue), ["a", "b", "c"]);
        queue.push(now, &[7; 160]);
        queue.mark("d".into());
        assert_eq!(taken(&mut queue, now, 160), [7; 160]);
        assert_eq!(names(&mut queue), ["d"]);
        assert_eq!(queue.played_ms(), 40);
    }

    #[test]
    fn a_short_tail_waits_a_moment_and_then_ends_in_silence() {
        let (mut queue, now) = (Playout::default(), Instant::now());
        queue.push(now, &[1; 100]);
        assert_eq!(taken(&mut queue, now, 160), [SILENCE; 160]);
        queue.push(now, &[1; 100]);
        assert_eq!(taken(&mut queue, now, 160), [1; 160], "its rest has come");
        let later = now + GRACE;
        let tail = taken(&mut queue, later, 160);
        assert_eq!(
            (&tail[..40], &tail[40..]),
            (&[1; 40][..], &[SILENCE; 120][..])
        );
    }

    #[test]
    fn ten_minutes_fit_and_not_a_byte_more() {
        let (mut queue, now) = (Playout::default(), Instant::now());
        let minute = vec![1; 60 * 8000];
        for _ in 0..10 {
            assert!(queue.push(now, &minute));
        }
        assert!(!queue.push(now, &[1]));
        taken(&mut queue, now, 160);
        assert!(!queue.push(now, &[1; 161]), "all of it or nothing");
        assert!(queue.push(now, &[1; 160]));
        queue.clear();
        assert!(queue.push(now, &minute));
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out_in_order_however_it_is_cut(
            pieces in prop::collection::vec(prop::collection::vec(0_u8..0xFF, 0..20_000), 0..8),
            packet in 80_usize..=480,
        ) {
            let (mut queue, now) = (Playout::default(), Instant::now());
            for piece in &pieces {
                prop_assert!(queue.push(now, piece));
            }
            let mut out = Vec::new();
            while queue.queued > 0 {
                out.extend(taken(&mut queue, now + GRACE, packet));
            }
            let all = pieces.concat();
            prop_assert_eq!(&out[..all.len()], &all[..]);
            prop_assert!(out[all.len()..].iter().all(|&byte| byte == SILENCE));
            prop_assert_eq!(queue.played_ms(), all.len() as u64 / 8);
            prop_assert!(queue.blocks.is_empty());
        }
    }
}
