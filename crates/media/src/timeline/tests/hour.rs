//! An hour on the virtual clock.

use std::collections::BTreeMap;

use super::*;

/// A caller with a clock of its own, for an hour: 5 % loss, order upset, pauses.
struct Caller {
    ppm: f64,
    ptime: u64,
    seed: u64,
}

impl Caller {
    fn dice(&mut self, below: u64) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % below
    }

    /// Arrivals in order of time: µs → (sequence, first sample). Samples are numbered on the
    /// caller's clock, from its first.
    fn hour(&mut self) -> BTreeMap<(u64, u16), (u16, u64)> {
        let mut arrivals = BTreeMap::new();
        let mut sequence = 0_u16;
        let mut pause = 0_u64;
        for n in 0..3_600_000 / self.ptime {
            if pause > 0 {
                pause -= 1;
                continue;
            }
            if self.dice(500) == 0 {
                pause = 10 + self.dice(100);
            }
            sequence = sequence.wrapping_add(1);
            if self.dice(20) == 0 {
                continue;
            }
            let sent_us = ((n + 1) * self.ptime * 1000) as f64 * (1.0 + self.ppm / 1e6);
            let overtaken = if self.dice(50) == 0 { 22_000 } else { 0 };
            let delay_us = 5_000 + self.dice(3_000) + overtaken;
            arrivals.insert(
                (sent_us as u64 + delay_us, sequence),
                (sequence, n * self.ptime * 8),
            );
        }
        arrivals
    }
}

/// The byte that stands for a sample of the caller's: its place can be found again by looking.
fn sample_byte(n: u64) -> u8 {
    (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 57) as u8
}

#[test]
fn an_hour_of_loss_reordering_pauses_and_drift_stays_within_one_packet() {
    for (ppm, ptime, seed) in [
        (0.0, 20, 1),
        (150.0, 20, 2),
        (-150.0, 20, 3),
        (400.0, 30, 4),
        (-400.0, 60, 5),
    ] {
        let mut caller = Caller { ppm, ptime, seed };
        let start = Instant::now();
        let clock = CallClock::new(start);
        let mut timeline = Timeline::new(clock, start, PATIENCE);
        let (mut expected, mut checked, mut worst) = (0_u64, 0_u32, 0_i64);
        let mut check = |chunk: Chunk<'_>| {
            assert_eq!(chunk.index, expected);
            expected += 1;
            if chunk.arrived.is_none() || chunk.filled > 0 || !chunk.index.is_multiple_of(50) {
                return;
            }
            // Where on the call's clock did the caller speak this? 5 ms of path are the clock's own.
            let here = chunk.index as i64 * CHUNK_I;
            let spoken = ((here - 40) as f64 / (1.0 + ppm / 1e6)) as i64;
            let found = (-480..480_i64).filter(|off| spoken + off >= 0).find(|off| {
                (0..160).all(|n| sample_byte((spoken + off) as u64 + n) == chunk.audio[n as usize])
            });
            // A chunk that slipped or was pieced together is found next time.
            if let Some(off) = found {
                checked += 1;
                worst = worst.max(off.abs());
            }
        };
        let mut audio = [0; 480];
        let mut ended = start;
        for ((at_us, _), (sequence, first)) in caller.hour() {
            let now = start + Duration::from_micros(at_us);
            while timeline.next_timeout() <= now {
                let due = timeline.next_timeout();
                timeline.handle_timeout(due, &mut check);
            }
            let audio = &mut audio[..(ptime * 8) as usize];
            for (n, byte) in audio.iter_mut().enumerate() {
                *byte = sample_byte(first + n as u64);
            }
            let piece = Piece {
                sequence: Seq(sequence),
                timestamp: Timestamp(first as u32),
                audio,
            };
            timeline.push(now, piece, &mut check);
            ended = now;
        }
        let counters = timeline.counters();
        // One packet, and what a clock drifts while it is measured and a pause is waited for.
        assert!(
            worst <= 160 + 24,
            "{ppm} ppm, ptime {ptime}: {worst} samples off, {counters:?}"
        );
        assert!(
            checked > 1000,
            "{ppm} ppm: only {checked} chunks found again"
        );
        let elapsed = clock.ms(ended) / 20;
        assert!(
            expected.abs_diff(elapsed) <= 3,
            "{expected} chunks in {elapsed} times 20 ms"
        );
        assert!(
            counters.slips <= (3600.0 * ppm.abs() / 20_000.0) as u64 + 60,
            "{ppm} ppm: {counters:?}"
        );
        assert!(counters.late < 1200, "{counters:?}");
    }
}
