//! One fork: a far server that is told, over a WebSocket it does not own, what a leg hears and says.
//!
//! The shard's driver connects and writes; the fork says what to write next, how long to go on
//! after a stop, what to skip when the far end is behind, and how it ended, exactly once.

mod aside;
mod json;
mod lag;
mod lane;
mod latency;
mod marks;
mod messages;
mod reader;
mod ring;
mod shape;
mod shaped;
mod shaper;
mod talking;
mod totals;
mod wire;

use std::time::{Duration, Instant};

use self::aside::{Aside, News, Waiting};
use self::lag::LagWatch;
use self::messages::{CONNECTED, Media, Messages};
use self::reader::Reader;
pub use self::reader::Rings;
pub use self::ring::Ring;
pub use self::shape::{Asides, Channels, Format, Framing, Shape, WallClock};
use self::shaper::Shaper;
use self::talking::Talking;
use self::totals::{Ended, Totals};
pub use self::wire::{ForkFrame, RemoteClose};
use crate::clock::{CHUNK_MS, CallClock, PER_MS};
use crate::config::Track;
use crate::event::{EndReason, MediaEvent};
use crate::ids::{ForkId, LegId};
use crate::sink::Sink;
use crate::target::{CaptureFrom, ForkTarget};

/// How long `stop` itself may wait for the socket.
const STOP_GRACE: Duration = Duration::from_secs(1);
/// Frame header, mask and TLS record around a message.
const WIRE_OVERHEAD: usize = 30;

#[derive(Debug)]
pub struct Fork {
    id: ForkId,
    leg: LegId,
    messages: Messages,
    tracks: Vec<Track>,
    shape: Shape,
    /// Makes the frames, unless they are Twilio's.
    shaper: Option<Box<Shaper>>,
    max_lag_ms: u32,
    capture_from: CaptureFrom,
    created: Instant,
    stage: Stage,
    ending: Option<Ending>,
    /// Where it reads each track, once it takes audio.
    reader: Reader,
    /// The call's clock.
    clock: Option<CallClock>,
    /// What it showed when the fork began to take audio.
    origin_ms: u64,
    /// Events that wait to be told.
    asides: Waiting,
    /// Keys are among them: always so when the far server speaks, as Twilio does.
    tells_keys: bool,
    /// Of the last message that carries one.
    sequence: u64,
    told_ready: bool,
    opened: Option<Instant>,
    message_len: usize,
    unsent_ms: u32,
    lag: LagWatch,
    totals: Totals,
    /// Its far end speaks.
    talking: Option<Box<Talking>>,
}

/// Connecting → Connected → Greeted → Streaming → Stopped → Over; any may go to Over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connecting,
    /// `connected` is next.
    Connected,
    /// `start` is next.
    Greeted,
    Streaming,
    /// `stop` was handed over.
    Stopped {
        until: Instant,
    },
    /// `ForkEnded` was told.
    Over,
}

/// No further audio is taken.
#[derive(Debug, Clone, Copy)]
struct Ending {
    reason: EndReason,
    /// When what is still queued is given up.
    deadline: Instant,
}

impl Fork {
    pub fn new(now: Instant, id: ForkId, leg: LegId, target: &ForkTarget) -> Self {
        let mut tracks: Vec<Track> = Vec::with_capacity(2);
        for &track in &target.tracks {
            if !tracks.contains(&track) {
                tracks.push(track);
            }
        }
        Self {
            id,
            leg,
            messages: Messages::new(target, &tracks),
            tracks,
            shape: target.shape,
            shaper: (!target.shape.has_plain_audio()).then(|| Box::new(Shaper::new(target.shape))),
            max_lag_ms: target.max_lag_ms,
            capture_from: target.capture_from,
            created: now,
            stage: Stage::Connecting,
            ending: None,
            reader: Reader::default(),
            clock: None,
            origin_ms: 0,
            asides: Waiting::default(),
            tells_keys: target.bidirectional || target.shape.asides.dtmf,
            sequence: 0,
            told_ready: false,
            opened: None,
            message_len: 360,
            unsent_ms: 0,
            lag: LagWatch::default(),
            totals: Totals::new(),
            talking: Talking::new(target),
        }
    }

    pub fn id(&self) -> ForkId {
        self.id
    }

    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    pub fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// Does it still take audio of this track?
    pub fn takes(&self, track: Track) -> bool {
        self.reader.takes(track)
    }

    /// Must audio be taken from now on, which was not taken yet?
    pub fn begins(&self) -> bool {
        let may = match self.capture_from {
            CaptureFrom::Create => true,
            CaptureFrom::Open => self.opened.is_some(),
        };
        may && self.ending.is_none() && !self.reader.has_begun()
    }

    /// Take audio from chunk `from_index` on.
    pub fn begin(&mut self, clock: CallClock, now: Instant, from_index: u64, rings: &Rings) {
        self.clock = Some(clock);
        self.origin_ms = clock.ms(now);
        self.reader.begin(&self.tracks, from_index, rings);
    }

    /// The oldest frame of a track's ring that this fork still needs; `u64::MAX` when none.
    pub fn needs(&self, track: Track) -> u64 {
        self.reader.needs(track)
    }

    /// The far server answered 101.
    pub fn opened(&mut self, now: Instant, sink: &mut impl Sink) {
        if self.stage == Stage::Connecting {
            self.stage = Stage::Connected;
            self.opened = Some(now);
            self.tell_ready(sink);
        }
    }

    /// The newest frame of a track was pushed.
    pub fn chunk_added(
        &mut self,
        now: Instant,
        track: Track,
        index: u64,
        rings: &Rings,
        sink: &mut impl Sink,
    ) {
        if !self.reader.pushed(track, index, rings) {
            return;
        }
        self.bound_lag(now, rings, sink);
        if self.stage == Stage::Streaming && self.has_frame(rings) {
            self.tell_ready(sink);
        }
    }

    fn has_frame(&self, rings: &Rings) -> bool {
        match &self.shaper {
            None => true,
            Some(shaper) => shaper.next(&self.tracks, &self.reader, rings).is_some(),
        }
    }

    /// The leg's party pressed a key.
    pub fn pressed(&mut self, clock_ms: u64, key: char, sink: &mut impl Sink) {
        if self.tells_keys {
            self.add_aside(clock_ms, News::Key(key), sink);
        }
    }

    /// Tell the far server of an event: `body` is a JSON object.
    pub fn tell(&mut self, now: Instant, event: Box<str>, body: Box<str>, sink: &mut impl Sink) {
        if let Some(clock) = self.clock {
            self.add_aside(clock.ms(now), News::Told { event, body }, sink);
        }
    }

    /// Events before the first audio and after the last are not the stream's.
    fn add_aside(&mut self, at_ms: u64, news: News, sink: &mut impl Sink) {
        if !self.reader.has_begun() || self.ending.is_some() {
            return;
        }
        self.asides.add(Aside { at_ms, news });
        if self.stage == Stage::Streaming {
            self.tell_ready(sink);
        }
    }

    /// Append the next message.
    pub fn next(
        &mut self,
        now: Instant,
        rings: &Rings,
        out: &mut Vec<u8>,
        sink: &mut impl Sink,
    ) -> Option<ForkFrame> {
        let frame = match self.stage {
            Stage::Connecting | Stage::Stopped { .. } | Stage::Over => None,
            Stage::Connected => {
                out.extend_from_slice(CONNECTED);
                self.stage = Stage::Greeted;
                Some(ForkFrame::Connected)
            }
            Stage::Greeted => {
                self.messages.start(out);
                self.sequence = 1;
                self.stage = Stage::Streaming;
                sink.event(MediaEvent::ForkOpened {
                    leg: self.leg,
                    fork: self.id,
                    connect_ms: now.saturating_duration_since(self.created).as_secs_f64() * 1000.0,
                });
                Some(ForkFrame::Start)
            }
            Stage::Streaming => {
                if let Some(frame) = self.next_mark(out) {
                    Some(frame)
                } else if self.next_aside(rings, out) {
                    Some(ForkFrame::Event)
                } else if let Some(frame) = self.next_audio(now, rings, out) {
                    Some(frame)
                } else {
                    self.next_stop(now, out)
                }
            }
        };
        self.told_ready = frame.is_some();
        frame
    }

    fn next_aside(&mut self, rings: &Rings, out: &mut Vec<u8>) -> bool {
        let audio_ms = self.reader.next_index(rings).map(|index| index * CHUNK_MS);
        let Some(aside) = self.asides.next(audio_ms) else {
            return false;
        };
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
        true
    }

    /// The wall clock at a time of the call's, where the stream wants it.
    fn wall_ms(&self, clock_ms: u64) -> Option<u64> {
        let position = i64::try_from(clock_ms).unwrap_or(i64::MAX / 8) * PER_MS;
        Some(
            self.shape
                .wall_clock?
                .unix_ms(self.clock?.instant(position)),
        )
    }

    fn next_audio(&mut self, now: Instant, rings: &Rings, out: &mut Vec<u8>) -> Option<ForkFrame> {
        if self.shaper.is_some() {
            return self.next_shaped(now, rings, out);
        }
        let (track, chunk, frame) = self.reader.next(rings)?;
        self.sequence += 1;
        let before = out.len();
        self.messages.media(
            out,
            &Media {
                sequence: self.sequence,
                track,
                chunk,
                timestamp_ms: ((frame.index + 1) * CHUNK_MS).saturating_sub(self.origin_ms),
                payload: &frame.payload,
            },
        );
        self.message_len = out.len() - before;
        self.totals.sent(1, frame.filled.into());
        self.note_latency(now, frame.arrived);
        Some(ForkFrame::Media)
    }

    /// What waited for the far server to answer says nothing about us.
    fn note_latency(&mut self, now: Instant, arrived: Option<Instant>) {
        if let (Some(arrived), Some(opened)) = (arrived, self.opened)
            && arrived >= opened
        {
            self.totals.took(now.saturating_duration_since(arrived));
        }
    }

    fn next_stop(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<ForkFrame> {
        self.ending?;
        self.sequence += 1;
        self.messages.stop(out, self.sequence);
        self.stage = Stage::Stopped {
            until: now + STOP_GRACE,
        };
        Some(ForkFrame::Stop)
    }

    /// The driver wrote; so much has not reached the peer.
    pub fn written(
        &mut self,
        now: Instant,
        unsent_bytes: usize,
        rings: &Rings,
        sink: &mut impl Sink,
    ) {
        let frames = self.shape.frames_for(self.tracks.len());
        let per_frame = (self.message_len + WIRE_OVERHEAD) * frames;
        let ms = unsent_bytes as u64 * self.shape.chunks() * CHUNK_MS / per_frame as u64;
        self.unsent_ms = u32::try_from(ms).unwrap_or(u32::MAX);
        if matches!(self.stage, Stage::Stopped { .. }) && unsent_bytes == 0 {
            self.end_as_asked(0, rings, sink);
        } else {
            self.bound_lag(now, rings, sink);
        }
    }

    /// Take no further audio; drain until `deadline`.
    pub fn stop(
        &mut self,
        reason: EndReason,
        deadline: Instant,
        rings: &Rings,
        sink: &mut impl Sink,
    ) {
        if self.ending.is_some() || self.stage == Stage::Over {
            return;
        }
        self.ending = Some(Ending { reason, deadline });
        self.reader.stop(rings);
        match self.stage {
            // Nobody to tell, and nothing to tell: over.
            Stage::Connecting if self.reader.queued(rings) == 0 => {
                self.end_as_asked(0, rings, sink)
            }
            Stage::Connecting => {}
            _ => self.tell_ready(sink),
        }
    }

    pub fn remote_closed(&mut self, close: RemoteClose, rings: &Rings, sink: &mut impl Sink) {
        let close_code = close.close_code.unwrap_or(0);
        if matches!(self.stage, Stage::Stopped { .. }) {
            return self.end_as_asked(close_code, rings, sink);
        }
        let code = close.code();
        let how = Ended {
            reason: EndReason::RemoteClosed,
            code,
            detail: close.detail,
            close_code,
        };
        self.end(how, rings, sink);
    }

    pub fn failed(&mut self, code: u32, detail: String, rings: &Rings, sink: &mut impl Sink) {
        if matches!(self.stage, Stage::Stopped { .. }) {
            // All was handed over; how the socket went after that changes nothing.
            return self.end_as_asked(0, rings, sink);
        }
        let how = Ended {
            reason: EndReason::Failed,
            code,
            detail,
            close_code: 0,
        };
        self.end(how, rings, sink);
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        match self.stage {
            Stage::Over => None,
            Stage::Stopped { until } => Some(until),
            _ => self.ending.map(|ending| ending.deadline),
        }
    }

    pub fn handle_timeout(&mut self, now: Instant, rings: &Rings, sink: &mut impl Sink) {
        if self.next_timeout().is_none_or(|due| due > now) {
            return;
        }
        if self.stage == Stage::Streaming && self.reader.queued(rings) > 0 {
            // The drain is over: drop what is left, and give `stop` itself a moment.
            self.skip_to(0, rings);
            if let Some(ending) = &mut self.ending {
                ending.deadline = now + STOP_GRACE;
            }
            self.tell_ready(sink);
        } else {
            self.end_as_asked(0, rings, sink);
        }
    }

    fn tell_ready(&mut self, sink: &mut impl Sink) {
        if !self.told_ready {
            self.told_ready = true;
            sink.fork_ready(self.id);
        }
    }

    fn end_as_asked(&mut self, close_code: u16, rings: &Rings, sink: &mut impl Sink) {
        let reason = self
            .ending
            .map_or(EndReason::Stopped, |ending| ending.reason);
        let how = Ended {
            reason,
            code: 0,
            detail: String::new(),
            close_code,
        };
        self.end(how, rings, sink);
    }

    fn end(&mut self, how: Ended, rings: &Rings, sink: &mut impl Sink) {
        if self.stage == Stage::Over {
            return;
        }
        self.totals.chunks_dropped += self.reader.queued(rings);
        self.stage = Stage::Over;
        self.reader = Reader::default();
        let mut ended = self.totals.ended(self.leg, self.id, how, self.lag.most_ms);
        ended.ms_played = self.talking.take().map_or(0, |talking| talking.played_ms());
        sink.event(MediaEvent::ForkEnded(ended));
    }
}
