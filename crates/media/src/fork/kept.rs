//! The messages of a fork that can be sent again: each with its sequence number, whole, oldest first.
//!
//! Every message that has a number is put in here before it is sent. What was sent stays for the
//! overlap, what was not stays as long as there is room. What fell out unsent, or was sent and not
//! kept by the receiver, is one gap, from the last sequence number it kept.

mod gaps;

use std::collections::VecDeque;
use std::time::Instant;

pub use self::gaps::Gap;
use self::gaps::Told;
use super::wire::ForkFrame;
use crate::clock::CHUNK_MS;
use crate::target::Resume;

/// Chunks of each track.
pub type Chunks = [u64; 2];

/// Messages of which it is still known what they held, though they are gone.
const REMEMBERED: usize = 16 * 1024;
/// Room in bytes that is kept when nothing is.
const SMALL: usize = 4096;

/// One message to be kept.
#[derive(Debug, Clone, Copy)]
pub struct Message {
    pub frame: ForkFrame,
    /// The audio in it: chunks of each track, at most 15.
    pub chunks: [u8; 2],
    /// When its audio ends on the call's clock, or what it tells of happened.
    pub clock_ms: u64,
    pub arrived: Option<Instant>,
    /// Samples that are a repair.
    pub repaired: u32,
}

impl Message {
    /// Chunks of all tracks.
    pub fn audio(&self) -> u64 {
        self.chunks.iter().map(|&count| u64::from(count)).sum()
    }
}

#[derive(Debug)]
struct Entry {
    message: Message,
    /// Where it begins, counted in bytes from the first that was ever put in.
    at: u64,
    /// Chunks of each track in all messages before it.
    before: Chunks,
    /// It was handed over before.
    sent: bool,
    /// It was passed over unsent, and counted as lost.
    passed: bool,
}

/// One message handed over.
#[derive(Debug, Clone, Copy)]
pub struct Handed {
    pub message: Message,
    pub again: bool,
    /// It had been counted as lost before.
    pub recovered: bool,
}

#[derive(Debug)]
pub struct Kept {
    bytes: VecDeque<u8>,
    entries: VecDeque<Entry>,
    /// The sequence number of the oldest.
    first: u64,
    /// Bytes and chunks that were ever put in.
    put_in: u64,
    all: Chunks,
    /// What the messages before the oldest held, the newest of them last: inbound chunks in the
    /// low half, outbound in the high one.
    gone: VecDeque<u8>,
    /// The next to hand over.
    next: u64,
    /// The last that the receiver knows of: handed over, kept, or named in a gap.
    told: u64,
    /// The last that any receiver was told of: it can say that it has that, and no later one.
    known: u64,
    gaps: Told,
    /// The last ever handed over, and the latest time of any that was.
    sent: u64,
    sent_clock_ms: u64,
    overlap_ms: u64,
    ring_ms: u64,
    /// For each track: the place on the call's clock of its first chunk.
    first_index: [Option<u64>; 2],
    /// Room to compose in.
    pub text: Vec<u8>,
}

impl Kept {
    /// `first` is the sequence number of the first message that will be put in.
    pub fn new(first: u64, how: Resume) -> Self {
        Self {
            bytes: VecDeque::new(),
            entries: VecDeque::new(),
            first,
            put_in: 0,
            all: [0, 0],
            gone: VecDeque::new(),
            next: first,
            told: first - 1,
            known: first - 1,
            gaps: Told::default(),
            sent: first - 1,
            sent_clock_ms: 0,
            overlap_ms: how.overlap_ms.into(),
            ring_ms: how.ring_ms.max(how.overlap_ms).into(),
            first_index: [None, None],
            text: Vec::new(),
        }
    }

    /// The last message ever handed over: 0 says none, for `start` is 1.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Put in the newest. `bytes` is all of it. How many chunks fell out unsent.
    pub fn push(&mut self, message: Message, bytes: &[u8]) -> u64 {
        let end = message.clock_ms / CHUNK_MS;
        for (first, count) in self.first_index.iter_mut().zip(message.chunks) {
            if count > 0 {
                first.get_or_insert(end.saturating_sub(count.into()));
            }
        }
        self.bytes.extend(bytes);
        self.entries.push_back(Entry {
            message,
            at: self.put_in,
            before: self.all,
            sent: false,
            passed: false,
        });
        self.put_in += bytes.len() as u64;
        for (sum, count) in self.all.iter_mut().zip(message.chunks) {
            *sum += u64::from(count);
        }
        self.bound(message.clock_ms)
    }

    /// For each track: the place on the call's clock of its first chunk.
    pub fn first_index(&self) -> [Option<u64>; 2] {
        self.first_index
    }

    /// The call's clock at the newest.
    pub fn newest_ms(&self) -> u64 {
        self.entries
            .back()
            .map_or(self.sent_clock_ms, |entry| entry.message.clock_ms)
    }

    /// Messages that wait to be handed over.
    pub fn waiting(&self) -> u64 {
        self.end() - self.next
    }

    /// Audio that was never handed over, of the track that has more of it.
    pub fn behind_ms(&self) -> u64 {
        let before = self.chunks_before(self.next.max(self.sent + 1));
        let waiting = [0, 1].map(|track| self.all[track].saturating_sub(before[track]));
        waiting[0].max(waiting[1]) * CHUNK_MS
    }

    /// What there is no connection for is kept so long.
    pub fn ring_ms(&self) -> u32 {
        u32::try_from(self.ring_ms).unwrap_or(u32::MAX)
    }

    /// Pass over the oldest that wait until no more than `keep_ms` of audio do. How many chunks
    /// that were. What is sent again is not passed over: it is short, or was asked for.
    pub fn pass_over(&mut self, keep_ms: u64) -> u64 {
        let newest = self.newest_ms();
        let mut passed = 0;
        while self.next > self.sent
            && let Some(entry) = self.next_entry()
            && entry.message.clock_ms + keep_ms <= newest
            && entry.message.frame != ForkFrame::Stop
        {
            passed += entry.pass();
            self.next += 1;
        }
        passed
    }

    /// Pass over everything but `stop`. How many chunks that were.
    pub fn pass_to_stop(&mut self) -> u64 {
        let mut passed = 0;
        while let Some(entry) = self.next_entry()
            && entry.message.frame != ForkFrame::Stop
        {
            passed += entry.pass();
            self.next += 1;
        }
        passed
    }

    /// Everything that waits is lost: how many chunks.
    pub fn give_up(&mut self) -> u64 {
        let from = (self.next - self.first) as usize;
        self.entries.iter_mut().skip(from).map(Entry::pass).sum()
    }

    fn next_entry(&mut self) -> Option<&mut Entry> {
        let at = self.next.checked_sub(self.first)?;
        self.entries.get_mut(usize::try_from(at).ok()?)
    }

    /// Append the next message.
    pub fn hand_over(&mut self, out: &mut Vec<u8>) -> Option<Handed> {
        let at = usize::try_from(self.next.checked_sub(self.first)?).ok()?;
        let start = self.entries.get(at)?.at;
        let end = self.entries.get(at + 1).map_or(self.put_in, |next| next.at);
        let base = self.put_in - self.bytes.len() as u64;
        append(
            &self.bytes,
            (start - base) as usize,
            (end - base) as usize,
            out,
        );
        let entry = self.entries.get_mut(at)?;
        let handed = Handed {
            message: entry.message,
            again: entry.sent,
            recovered: entry.passed,
        };
        entry.sent = true;
        entry.passed = false;
        self.told = self.next;
        self.known = self.known.max(self.told);
        if self.next > self.sent {
            self.sent = self.next;
            // One track runs ahead of the other by what its packets wait for.
            self.sent_clock_ms = self.sent_clock_ms.max(handed.message.clock_ms);
        }
        self.next += 1;
        Some(handed)
    }

    /// There is a new connection. `kept` is what its server says it has; without that the overlap
    /// is sent again, before what had perhaps not arrived (`unsent_ms`). How many messages are
    /// sent again.
    pub fn rewind(&mut self, kept: Option<u64>, unsent_ms: u64) -> u64 {
        match kept {
            Some(kept) => {
                self.told = kept.min(self.known).max(1);
                self.next = (self.told + 1).max(self.first);
            }
            None => {
                let back = self.overlap_ms + unsent_ms;
                let older = |entry: &&Entry| {
                    entry.sent && entry.message.clock_ms + back <= self.sent_clock_ms
                };
                let skipped = self.entries.iter().take_while(older).count() as u64;
                self.next = self.first + skipped;
                // What it kept is not known: that it kept all is what makes no gap out of nothing.
                self.told = self.sent.min(self.next - 1);
            }
        }
        self.gaps.go_back(self.told);
        (self.sent + 1).saturating_sub(self.next)
    }

    /// Forget what was sent and is older than the overlap; `unsent_ms` has not arrived yet.
    pub fn trim(&mut self, unsent_ms: u64) {
        let back = self.overlap_ms + unsent_ms;
        while self.first < self.next
            && let Some(oldest) = self.entries.front()
            && oldest.message.clock_ms + back < self.sent_clock_ms
        {
            self.drop_oldest();
        }
        // What piled up while nothing could be sent: given back by halves, so that it is seldom.
        let (bytes, entries) = (
            self.bytes.len().max(SMALL),
            self.entries.len().max(SMALL / 256),
        );
        if self.bytes.capacity() > 4 * bytes {
            self.bytes.shrink_to(2 * bytes);
        }
        if self.entries.capacity() > 4 * entries {
            self.entries.shrink_to(2 * entries);
        }
    }

    /// No more than the ring. How many chunks fell out that were never handed over.
    fn bound(&mut self, newest_ms: u64) -> u64 {
        let mut lost = 0;
        while let Some(oldest) = self.entries.front_mut()
            && oldest.message.clock_ms + self.ring_ms < newest_ms
        {
            lost += oldest.pass();
            self.drop_oldest();
        }
        lost
    }

    fn drop_oldest(&mut self) {
        let Some(entry) = self.entries.pop_front() else {
            return;
        };
        let end = self.entries.front().map_or(self.put_in, |next| next.at);
        self.bytes.drain(..(end - entry.at) as usize);
        if self.gone.len() == REMEMBERED {
            self.gone.pop_front();
        }
        let [inbound, outbound] = entry.message.chunks;
        self.gone.push_back(inbound & 15 | outbound << 4);
        self.first += 1;
        self.next = self.next.max(self.first);
    }

    /// Chunks of each track in all messages before this one.
    fn chunks_before(&self, sequence: u64) -> Chunks {
        if sequence >= self.first {
            let at = (sequence - self.first) as usize;
            return self.entries.get(at).map_or(self.all, |entry| entry.before);
        }
        let mut sum = self.entries.front().map_or(self.all, |entry| entry.before);
        let missing = self.first - sequence;
        for held in self.gone.iter().rev().take(missing as usize) {
            sum[0] = sum[0].saturating_sub(u64::from(held & 15));
            sum[1] = sum[1].saturating_sub(u64::from(held >> 4));
        }
        let older = missing.saturating_sub(self.gone.len() as u64);
        if older == 0 {
            return sum;
        }
        // Older than anything that is remembered: in proportion.
        sum.map(|sum| sum * sequence / (older + sequence).max(1))
    }

    fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }
}

impl Entry {
    /// It will not be sent: how much audio is lost that was not lost before.
    fn pass(&mut self) -> u64 {
        if self.sent || self.passed {
            return 0;
        }
        self.passed = true;
        self.message.audio()
    }
}

/// Part of a ring of bytes, without a copy in between.
fn append(bytes: &VecDeque<u8>, start: usize, end: usize, out: &mut Vec<u8>) {
    let (head, tail) = bytes.as_slices();
    let split = head.len();
    out.extend_from_slice(
        head.get(start.min(split)..end.min(split))
            .unwrap_or_default(),
    );
    let tail_part = start.saturating_sub(split)..end.saturating_sub(split);
    out.extend_from_slice(tail.get(tail_part).unwrap_or_default());
}

#[cfg(test)]
mod tests;
