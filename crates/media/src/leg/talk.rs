//! What a leg plays while a far server speaks on it: one packet after the other, silence where
//! nothing is said, so that the party and whatever stands between hear a stream without a break.

use std::time::Instant;

use super::{Leg, Scratch};
use crate::clock::{samples, step_up};
use crate::config::Track;
use crate::fork::Fork;
use crate::g711::ULAW_SILENCE;
use crate::ids::ForkId;
use crate::play::Due;
use crate::sink::Sink;

/// A thread that stood still makes up for this many packets; what was due before is not sent.
const CATCH_UP: i64 = 5;

/// Who speaks, and when the next packet is due.
#[derive(Debug)]
pub struct Speaker {
    fork: ForkId,
    /// Absent until it is agreed how to speak.
    due: Option<Instant>,
    /// Does the next packet follow the last one without a break?
    running: bool,
}

impl Speaker {
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Begin, once it is known how to speak.
    pub fn wake(&mut self, first: Instant) {
        self.due.get_or_insert(first);
    }

    /// Hold still until the next `wake`.
    pub fn sleep(&mut self) {
        self.due = None;
        self.running = false;
    }
}

impl Leg {
    /// From now on the far end of `fork` speaks here; prompts and the other party wait until it
    /// ends. False: another one does.
    pub fn give_voice(&mut self, now: Instant, fork: ForkId) -> bool {
        if self.speaker.is_some() {
            return false;
        }
        self.playlist.sleep();
        self.out.break_off();
        self.speaker = Some(Speaker {
            fork,
            due: None,
            running: false,
        });
        self.wake(now);
        true
    }

    /// Go on as before when the fork that spoke has ended.
    pub fn settle_voice(&mut self, now: Instant) {
        let Some(speaker) = &self.speaker else {
            return;
        };
        let id = speaker.fork;
        let speaks = |fork: &Fork| fork.id() == id && fork.speaks();
        if self.taps.listeners.forks.iter().any(speaks) {
            return;
        }
        self.speaker = None;
        self.out.break_off();
        if self.peer.is_none() {
            self.taps.source_ended(Track::Outbound);
        }
        self.wake(now);
    }

    /// Send what is due of what the far end said.
    pub(super) fn speak_due(&mut self, now: Instant, scratch: &mut Scratch, sink: &mut impl Sink) {
        let Some(voice) = self.agreed.as_ref().map(super::Agreed::voice) else {
            return;
        };
        let length = voice.packet;
        while let Some(speaker) = &mut self.speaker
            && let Some(due) = speaker.due.filter(|due| *due <= now)
        {
            if now.saturating_duration_since(due) > samples(length as i64 * CATCH_UP) {
                speaker.due = Some(step_up(self.config.epoch, now));
                speaker.running = false;
                continue;
            }
            speaker.due = Some(due + samples(length as i64));
            let follows = std::mem::replace(&mut speaker.running, true);
            let id = speaker.fork;
            let Some(packet) = scratch.play.ulaw.get_mut(..length) else {
                return;
            };
            // Every call of this thread works in this room: what is left in it is another's.
            packet.fill(ULAW_SILENCE);
            let mut forks = self.taps.listeners.forks.iter_mut();
            if let Some(fork) = forks.find(|fork| fork.id() == id) {
                fork.speak(now, packet, sink);
            }
            self.send_due(now, Due::Tone { length, follows }, scratch, sink);
        }
    }
}
