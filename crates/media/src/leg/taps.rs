//! What hangs on a leg's two directions: timelines, and who listens to them.
//!
//! A timeline exists only while somebody listens: forks, recordings, the in-band key detector.

use std::time::Instant;

use super::copies::{Copies, Said};
use crate::clock::{CHUNK_I, CHUNK_MS, CallClock};
use crate::config::Track;
use crate::dtmf::Detector;
use crate::event::MediaEvent;
use crate::fork::{Fork, Ring, Rings};
use crate::ids::{LegId, RecordId};
use crate::prefetch::prefetch;
use crate::record::Record;
use crate::seq::Seq;
use crate::sink::Sink;
use crate::timeline::{Chunk, Counters, Patience, Piece, Timeline};

#[derive(Debug)]
pub struct Taps {
    clock: CallClock,
    patience: Patience,
    timelines: [Option<Timed>; 2],
    pub listeners: Listeners,
    /// Of inbound timelines that are gone.
    before: Counters,
}

/// A timeline, and when it wants to be woken: a packet of one direction need not look into the timeline of
/// the other.
#[derive(Debug)]
struct Timed {
    timeline: Box<Timeline>,
    due: Instant,
}

impl Timed {
    fn new(timeline: Timeline) -> Self {
        Self {
            due: timeline.next_timeout(),
            timeline: Box::new(timeline),
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Timeline)) {
        change(&mut self.timeline);
        self.due = self.timeline.next_timeout();
    }
}

#[derive(Debug)]
pub struct Listeners {
    leg: LegId,
    pub rings: Rings,
    pub forks: Vec<Fork>,
    pub copies: Copies,
    records: Vec<Record>,
    detector: Option<Box<Detector>>,
    /// The peer sends telephone-events: what also sounds like a key is the same key.
    deaf: bool,
}

impl Taps {
    pub fn new(leg: LegId, clock: CallClock, patience: Patience) -> Self {
        Self {
            clock,
            patience,
            timelines: [None, None],
            listeners: Listeners {
                leg,
                rings: [None, None],
                forks: Vec::new(),
                copies: Copies::default(),
                records: Vec::new(),
                detector: None,
                deaf: false,
            },
            before: Counters::default(),
        }
    }

    /// Is anybody listening to this track?
    pub fn hears(&self, track: Track) -> bool {
        self.timelines[track as usize].is_some()
    }

    /// `said`: what other legs are to send of it.
    pub fn push(
        &mut self,
        now: Instant,
        track: Track,
        piece: Piece<'_>,
        said: &mut Vec<Said>,
        sink: &mut impl Sink,
    ) {
        self.change(track, |timeline, listeners| {
            timeline.push(now, piece, &mut |chunk| {
                listeners.chunk(now, track, &chunk, said, sink)
            });
        });
    }

    /// A packet without audio.
    pub fn note(&mut self, track: Track, sequence: Seq) {
        self.change(track, |timeline, _| timeline.note(sequence));
    }

    pub fn source_changed(&mut self, track: Track) {
        self.change(track, |timeline, _| timeline.source_changed());
    }

    /// Other parties speak and are spoken to from now on.
    pub fn exchange_parties(&mut self, other: &mut Self) {
        std::mem::swap(&mut self.listeners.deaf, &mut other.listeners.deaf);
        for taps in [self, other] {
            for track in Track::ALL {
                taps.source_changed(track);
            }
        }
    }

    pub fn source_ended(&mut self, track: Track) {
        self.change(track, |timeline, _| timeline.source_ended());
    }

    fn change(&mut self, track: Track, change: impl FnOnce(&mut Timeline, &mut Listeners)) {
        if let Some(timed) = &mut self.timelines[track as usize] {
            timed.change(|timeline| change(timeline, &mut self.listeners));
        }
    }

    /// Fetch what a packet with audio needs.
    pub fn prefetch(&self, track: Track) {
        if let Some(timed) = &self.timelines[track as usize] {
            prefetch(&*timed.timeline);
        }
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        let timelines = self.timelines.iter().flatten().map(|timed| timed.due);
        let forks = self.listeners.forks.iter().filter_map(Fork::next_timeout);
        timelines.chain(forks).min()
    }

    pub fn handle_timeout(&mut self, now: Instant, said: &mut Vec<Said>, sink: &mut impl Sink) {
        for track in Track::ALL {
            self.change(track, |timeline, listeners| {
                timeline.handle_timeout(now, &mut |chunk| {
                    listeners.chunk(now, track, &chunk, said, sink)
                });
            });
        }
        let listeners = &mut self.listeners;
        for fork in &mut listeners.forks {
            fork.handle_timeout(now, &listeners.rings, sink);
        }
    }

    /// Of the inbound timelines, all together.
    pub fn counters(&self) -> Counters {
        let now = self.timelines[Track::Inbound as usize]
            .as_ref()
            .map_or(Counters::default(), |timed| timed.timeline.counters());
        Counters {
            late: self.before.late + now.late,
            slips: self.before.slips + now.slips,
            filled: self.before.filled + now.filled,
        }
    }

    /// Listen for keys in the audio, or do not.
    pub fn listen_inband(&mut self, now: Instant, wanted: bool) {
        if wanted != self.listeners.detector.is_some() {
            self.listeners.detector = wanted.then(|| Box::new(Detector::new()));
            if wanted {
                self.begin(now, &[Track::Inbound]);
            }
            self.settle(now);
        }
    }

    /// The leg's party pressed a key.
    pub fn pressed(&mut self, now: Instant, key: char, sink: &mut impl Sink) {
        self.listeners.pressed(self.clock.ms(now), key, sink);
    }

    /// Telephone-events come from this peer.
    pub fn heard_event(&mut self) {
        self.listeners.deaf = true;
    }

    pub fn add_fork(&mut self, now: Instant, fork: Fork) {
        self.listeners.forks.push(fork);
        self.settle(now);
    }

    /// Let `to` send this track.
    pub fn add_copy(&mut self, now: Instant, track: Track, to: LegId) {
        self.begin(now, &[track]);
        self.listeners.copies.add(track, to);
    }

    /// `to` sends nothing of this leg any more.
    pub fn remove_copy(&mut self, now: Instant, to: LegId) {
        self.listeners.copies.remove(to);
        self.settle(now);
    }

    pub fn add_record(&mut self, now: Instant, record: RecordId, tracks: &[Track]) {
        let first = self.begin(now, tracks);
        self.listeners
            .records
            .push(Record::new(record, tracks, first));
    }

    /// End one recording, or all.
    pub fn end_records(&mut self, now: Instant, which: Option<RecordId>, sink: &mut impl Sink) {
        let leg = self.listeners.leg;
        self.listeners.records.retain_mut(|record| {
            let ends = which.is_none_or(|id| id == record.id());
            if ends {
                record.finish(sink);
                sink.record_ended(leg, record.id());
            }
            !ends
        });
        self.settle(now);
    }

    pub fn records(&self) -> impl Iterator<Item = RecordId> {
        self.listeners.records.iter().map(Record::id)
    }

    /// Nothing flows any more: only forks that drain are left.
    pub fn close(&mut self) {
        self.before = self.counters();
        self.timelines = [None, None];
        self.listeners.detector = None;
    }

    /// After listeners came, began or went: begin what can begin, forget what nobody needs.
    pub fn settle(&mut self, now: Instant) {
        for at in 0..self.listeners.forks.len() {
            let Some(fork) = self.listeners.forks.get(at).filter(|fork| fork.begins()) else {
                continue;
            };
            let tracks = fork.tracks().to_vec();
            let first = self.begin(now, &tracks);
            let rings = &mut self.listeners.rings;
            for track in tracks {
                rings[track as usize].get_or_insert_with(Ring::new);
            }
            if let Some(fork) = self.listeners.forks.get_mut(at) {
                fork.begin(self.clock, now, first, rings);
            }
        }
        for track in Track::ALL {
            if !self.listeners.want(track) && self.timelines[track as usize].is_some() {
                if track == Track::Inbound {
                    self.before = self.counters();
                }
                self.timelines[track as usize] = None;
            }
            self.listeners.trim(track);
        }
    }

    /// Run these tracks' timelines; the first chunk that all of them will still give.
    fn begin(&mut self, now: Instant, tracks: &[Track]) -> u64 {
        let mut first = (self.clock.position(now) / CHUNK_I) as u64;
        for &track in tracks {
            let timed = self.timelines[track as usize]
                .get_or_insert_with(|| Timed::new(Timeline::new(self.clock, now, self.patience)));
            first = first.max(timed.timeline.next_index());
        }
        first
    }
}

impl Listeners {
    fn want(&self, track: Track) -> bool {
        (track == Track::Inbound && self.detector.is_some())
            || self.forks.iter().any(|fork| fork.takes(track))
            || self.records.iter().any(|record| record.takes(track))
            || self.copies.takes(track)
    }

    fn chunk(
        &mut self,
        now: Instant,
        track: Track,
        chunk: &Chunk<'_>,
        said: &mut Vec<Said>,
        sink: &mut impl Sink,
    ) {
        if self.forks.iter().any(|fork| fork.takes(track))
            && let Some(ring) = &mut self.rings[track as usize]
        {
            ring.push(chunk);
            for fork in &mut self.forks {
                fork.chunk_added(now, track, chunk.index, &self.rings, sink);
            }
            self.trim(track);
        }
        self.copies.chunk(track, chunk, said);
        for record in &mut self.records {
            record.chunk(track, chunk, sink);
        }
        if track == Track::Inbound
            && let Some(detector) = &mut self.detector
        {
            let (leg, deaf) = (self.leg, self.deaf);
            let forks = &mut self.forks;
            detector.listen(chunk.audio, &mut |press| {
                if !deaf {
                    let digit = press.digit.char();
                    sink.event(MediaEvent::DtmfPressed {
                        leg,
                        digit,
                        duration_ms: press.duration_ms,
                        inband: true,
                    });
                    let at_ms = (chunk.index + 1) * CHUNK_MS;
                    forks
                        .iter_mut()
                        .for_each(|fork| fork.pressed(at_ms, digit, sink));
                }
            });
        }
    }

    fn pressed(&mut self, clock_ms: u64, key: char, sink: &mut impl Sink) {
        for fork in &mut self.forks {
            fork.pressed(clock_ms, key, sink);
        }
    }

    /// Forget what every fork has read; the whole ring when no fork reads the track.
    pub fn trim(&mut self, track: Track) {
        let place = &mut self.rings[track as usize];
        if self.forks.is_empty() {
            *place = None;
        } else if let Some(ring) = place {
            let needed = self.forks.iter().map(|fork| fork.needs(track)).min();
            ring.forget_before(needed.unwrap_or(u64::MAX));
        }
    }
}
