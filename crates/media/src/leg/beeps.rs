//! The beep that a party hears every quarter of a minute while it is recorded: added to what goes
//! out on its leg, whoever made it, and sent alone while nothing does.
//!
//! No track has it: streams and recorders get the words as they were said, and the beep is about
//! them. It is the party's, who is told so or in words of SDP: it goes where the party goes when far
//! ends are exchanged.

use std::time::{Duration, Instant};

use super::{Leg, Scratch};
use crate::beep::{self, LENGTH};
use crate::clock::{samples, step_up};
use crate::config::Codec;
use crate::g711::ULAW_SILENCE;
use crate::g722::Overlay;
use crate::play::Due;
use crate::seq::Timestamp;
use crate::sink::Sink;

/// From the beginning of one to that of the next.
const EVERY: Duration = Duration::from_secs(15);
/// A stream whose time stands still has one no longer than this.
const LONGEST: Duration = Duration::from_secs(1);
/// Without a packet for so long nobody speaks: the longest there is, and some delay.
const PATIENCE: Duration = Duration::from_millis(250);
/// When to look again whether a party may be sent anything, or a key is over.
const AGAIN: Duration = Duration::from_secs(1);
/// A thread that stood still makes up for this many packets; what was due before is not sent.
const CATCH_UP: u32 = 5;
/// G.722 that is followed before anything is added to it: by then the state is the far end's, near
/// enough for what is left to be lost in the beep.
const WARM_UP: usize = 1600;

#[derive(Debug)]
pub struct Beeps {
    phase: Phase,
    /// When we send, if nobody else does till then.
    alone: Instant,
    /// The last packet was sent so: the next one follows on it.
    running: bool,
    wideband: Option<Wideband>,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// The next one begins with the first packet from `at` on.
    Waiting { at: Instant },
    /// One began with the tick `from`.
    Sounding { from: Timestamp, since: Instant },
    /// No more of them; kept for G.722, which goes on being encoded anew.
    Over,
}

/// G.722 on its way out.
#[derive(Debug)]
struct Wideband {
    overlay: Overlay,
    /// Codes that go by as they are before anything may be added.
    warm_up: usize,
}

impl Beeps {
    /// `fresh`: the party was sent nothing yet, so that the state of its decoder is known.
    fn new(now: Instant, fresh: bool) -> Self {
        Self {
            phase: Phase::Waiting { at: now },
            // Somebody may be speaking, between two packets.
            alone: now + PATIENCE,
            running: false,
            wideband: fresh.then(|| Wideband::new(0)),
        }
    }

    /// When to send a packet of our own, if nobody sends one before.
    pub fn due(&self) -> Option<Instant> {
        match self.phase {
            Phase::Waiting { at } => Some(self.alone.max(at)),
            Phase::Sounding { .. } => Some(self.alone),
            Phase::Over => None,
        }
    }

    /// Something else than audio goes out, which we do not interrupt.
    pub fn wait(&mut self, now: Instant) {
        self.alone = now + PATIENCE;
        self.running = false;
    }

    /// A packet of audio goes out: add what it has of a beep.
    pub fn add(&mut self, now: Instant, codec: Codec, timestamp: Timestamp, payload: &mut [u8]) {
        self.wait(now);
        if codec == Codec::G722 {
            let wideband = self.wideband.get_or_insert_with(|| Wideband::new(WARM_UP));
            if wideband.warm_up > 0 {
                wideband.follow(payload);
            } else {
                let first = self.phase.reach(now, timestamp, payload.len());
                wideband.add(payload, first);
            }
        } else {
            self.wideband = None;
            if let Some(first) = self.phase.reach(now, timestamp, payload.len()) {
                beep::add(codec, payload, first);
            }
        }
    }

    /// Must it be kept though there are no more beeps?
    fn goes_on(&self) -> bool {
        self.wideband
            .as_ref()
            .is_some_and(|wideband| wideband.overlay.has_begun())
    }
}

impl Phase {
    /// A packet of `length` ticks goes out; the sample of the beep that its first tick meets, while
    /// there is one. That may lie before the beep: packets overtake each other.
    fn reach(&mut self, now: Instant, timestamp: Timestamp, length: usize) -> Option<i32> {
        let (from, since) = match *self {
            Self::Waiting { at } if at <= now => (timestamp, now),
            Self::Sounding { from, since } => (from, since),
            Self::Waiting { .. } | Self::Over => return None,
        };
        let first = timestamp.since(from);
        let over = first >= LENGTH - length as i32 || now > since + LONGEST;
        *self = if over {
            Self::Waiting { at: since + EVERY }
        } else {
            Self::Sounding { from, since }
        };
        Some(first)
    }
}

impl Wideband {
    fn new(warm_up: usize) -> Self {
        Self {
            overlay: Overlay::new(),
            warm_up,
        }
    }

    fn follow(&mut self, payload: &[u8]) {
        payload.iter().for_each(|&code| self.overlay.follow(code));
        self.warm_up = self.warm_up.saturating_sub(payload.len());
    }

    /// As [`beep::add`]; what comes before the first beep is as it was.
    fn add(&mut self, payload: &mut [u8], first: Option<i32>) {
        if first.is_none() && !self.overlay.has_begun() {
            return self.follow(payload);
        }
        let numbers = first.unwrap_or(LENGTH)..;
        for (code, n) in payload.iter_mut().zip(numbers) {
            *code = self.overlay.add(*code, beep::sample(n));
        }
    }
}

impl Leg {
    /// The party of this leg hears beeps from now on. Twice is fine.
    pub fn beep(&mut self, now: Instant) {
        let fresh = !self.out.has_sent();
        let beeps = self
            .beeps
            .get_or_insert_with(|| Box::new(Beeps::new(now, fresh)));
        if matches!(beeps.phase, Phase::Over) {
            beeps.phase = Phase::Waiting { at: now };
        }
    }

    /// And no more, not even what was left of one.
    pub fn end_beep(&mut self) {
        let Some(beeps) = &mut self.beeps else {
            return;
        };
        beeps.phase = Phase::Over;
        let alone = std::mem::take(&mut beeps.running);
        if !beeps.goes_on() {
            self.beeps = None;
        }
        if alone {
            self.fall_silent();
        }
    }

    /// Send what is due of a beep that nobody speaks under.
    pub(super) fn beep_due(&mut self, now: Instant, scratch: &mut Scratch, sink: &mut impl Sink) {
        while self.beep_is_due(now) {
            let length = self.may_beep_alone();
            let Some(beeps) = &mut self.beeps else {
                return;
            };
            let Some(length) = length else {
                beeps.alone = now + AGAIN;
                return;
            };
            let packet = samples(length as i64);
            let mut due = beeps.alone;
            if now.saturating_duration_since(due) > packet * CATCH_UP {
                due = step_up(self.config.epoch, now);
                beeps.running = false;
            }
            let follows = beeps.running;
            let Some(silence) = scratch.play.ulaw.get_mut(..length) else {
                return;
            };
            silence.fill(ULAW_SILENCE);
            self.send_due(now, Due::Tone { length, follows }, scratch, sink);
            if let Some(beeps) = &mut self.beeps {
                beeps.alone = due + packet;
                beeps.running = beeps.due() == Some(beeps.alone);
                if !beeps.running {
                    self.fall_silent();
                }
            }
        }
    }

    fn beep_is_due(&self, now: Instant) -> bool {
        let due = self.beeps.as_ref().and_then(|beeps| beeps.due());
        due.is_some_and(|due| due <= now)
    }

    /// The length of a packet of ours, where the party can be sent one between nothing else.
    fn may_beep_alone(&self) -> Option<usize> {
        let agreed = self
            .agreed
            .as_ref()
            .filter(|agreed| agreed.media.direction.sends())?;
        self.lock.as_ref()?.target()?;
        let free = self.playlist.is_empty() && self.speaker.is_none() && self.copied.is_none();
        free.then(|| agreed.voice().packet)
    }
}
