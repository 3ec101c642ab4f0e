//! One fork: a far server that is told, over a WebSocket it does not own, what a leg hears and says.
//!
//! The shard's driver connects and writes; the fork says what to write next, how long to go on
//! after a stop, what to skip when the far end is behind, and how it ended, exactly once.

mod again;
mod aside;
mod composing;
mod ending;
mod json;
mod kept;
mod lag;
mod lane;
mod latency;
mod marks;
mod messages;
mod reader;
mod redial;
mod ring;
mod shape;
mod shaped;
mod shaper;
mod talking;
mod totals;
mod wire;

use std::time::{Duration, Instant};

use self::aside::{Aside, News, Waiting};
use self::composing::Composed;
use self::kept::Kept;
use self::lag::LagWatch;
use self::messages::{CONNECTED, Messages};
use self::reader::Reader;
pub use self::reader::Rings;
use self::redial::Redial;
pub use self::ring::Ring;
pub use self::shape::{Asides, Channels, Format, Framing, Shape, WallClock};
use self::shaper::Shaper;
use self::talking::Talking;
use self::totals::Totals;
pub use self::wire::{Failure, ForkDial, ForkFrame, RemoteClose};
use crate::clock::CallClock;
use crate::config::Track;
use crate::event::{EndReason, MediaEvent};
use crate::ids::{ForkId, LegId};
use crate::sink::Sink;
use crate::target::{CaptureFrom, ForkTarget, Overflow};

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
    overflow: Overflow,
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
    /// How long a frame may wait for that of the other track, and until when one does.
    coalesce: Duration,
    hold: Option<Instant>,
    redial: Redial,
    /// When the server answered 101 last.
    opened: Option<Instant>,
    /// `start` was handed over once.
    introduced: bool,
    /// When the connection broke that is to be replaced.
    broke: Option<Instant>,
    /// In resume mode: what can be sent again.
    kept: Option<Box<Kept>>,
    message_len: usize,
    unsent_bytes: usize,
    unsent_ms: u32,
    lag: LagWatch,
    totals: Totals,
    /// Its far end speaks.
    talking: Option<Box<Talking>>,
}

/// Connecting → Connected → Greeted → Streaming → Stopped → Over; any may go to Over. In resume mode
/// any but the last may go to Waiting, and from there to Connecting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connecting,
    /// An endpoint is dialled again then.
    Waiting {
        until: Instant,
        endpoint: usize,
    },
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
            overflow: target.overflow,
            capture_from: target.capture_from,
            created: now,
            stage: Stage::Connecting,
            ending: None,
            reader: Reader::default(),
            clock: None,
            origin_ms: 0,
            asides: Waiting::default(),
            tells_keys: target.bidirectional || target.shape.asides.dtmf,
            sequence: 1, // of `start`
            told_ready: false,
            coalesce: Duration::ZERO,
            hold: None,
            redial: Redial::new(target.endpoints.len(), target.resume.is_some(), target.seed),
            opened: None,
            introduced: false,
            broke: None,
            kept: target.resume.map(|how| Box::new(Kept::new(2, how))),
            message_len: 360,
            unsent_bytes: 0,
            unsent_ms: 0,
            lag: LagWatch::default(),
            totals: Totals::new(),
            talking: Talking::new(target),
        }
    }

    /// Let the frames of both tracks wait for each other for so long, so that they are written as one.
    pub fn coalescing(mut self, time: Duration) -> Self {
        self.coalesce = time;
        self
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
        self.keep_new(now, rings, sink);
        self.bound_lag(now, rings, sink);
        if self.stage == Stage::Streaming && self.has_frame(rings) {
            self.offer(now, rings, sink);
        }
    }

    /// There is something to send: at once, or with what the other track brings in a moment.
    fn offer(&mut self, now: Instant, rings: &Rings, sink: &mut impl Sink) {
        let alone = !self.coalesce.is_zero()
            && self.shape.frames_for(self.tracks.len()) > 1
            && match &self.kept {
                Some(kept) => kept.waiting() < 2,
                None => self.shaper.is_none() && !self.reader.has_both(rings),
            };
        if alone && !self.told_ready {
            self.hold.get_or_insert(now + self.coalesce);
        } else {
            self.tell_ready(sink);
        }
    }

    fn has_frame(&self, rings: &Rings) -> bool {
        if let Some(kept) = &self.kept {
            return kept.waiting() > 0;
        }
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
        // In resume mode it is put in its place with the next audio.
        if self.stage == Stage::Streaming && self.kept.is_none() {
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
            Stage::Connecting | Stage::Waiting { .. } | Stage::Stopped { .. } | Stage::Over => None,
            Stage::Connected => {
                out.extend_from_slice(CONNECTED);
                self.stage = Stage::Greeted;
                Some(ForkFrame::Connected)
            }
            Stage::Greeted => {
                self.messages.start(out);
                self.stage = Stage::Streaming;
                if !std::mem::replace(&mut self.introduced, true) {
                    let took = now.saturating_duration_since(self.created);
                    sink.event(MediaEvent::ForkOpened {
                        leg: self.leg,
                        fork: self.id,
                        connect_ms: took.as_secs_f64() * 1000.0,
                    });
                }
                Some(ForkFrame::Start)
            }
            Stage::Streaming if self.kept.is_some() => self.next_kept(now, out),
            Stage::Streaming => {
                if let Some(frame) = self.next_mark(out) {
                    Some(frame)
                } else if let Some(composed) = self.compose(rings, out) {
                    self.account(now, &composed);
                    Some(composed.message.frame)
                } else {
                    self.next_stop(now, out)
                }
            }
        };
        self.told_ready = frame.is_some();
        if self.told_ready {
            self.hold = None;
        }
        frame
    }

    fn tell_ready(&mut self, sink: &mut impl Sink) {
        self.hold = None;
        if !self.told_ready {
            self.told_ready = true;
            sink.fork_ready(self.id);
        }
    }
}
