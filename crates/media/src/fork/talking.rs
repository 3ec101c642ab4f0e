//! A fork whose far end speaks: its messages in, its audio out by the packet, marks told.

use std::time::Instant;

use super::marks::Marks;
use super::{Fork, ForkFrame, Stage};
use crate::event::MediaEvent;
use crate::sink::Sink;
use crate::talk::{Talk, Warning};
use crate::target::ForkTarget;

/// What only such a fork has.
#[derive(Debug)]
pub struct Talking {
    stream_sid: Box<str>,
    talk: Talk,
    marks: Marks,
}

impl Talking {
    pub fn new(target: &ForkTarget) -> Option<Box<Self>> {
        target.bidirectional.then(|| {
            Box::new(Self {
                stream_sid: target.stream_sid.as_str().into(),
                talk: Talk::new(&target.stream_sid, target.strict_messages),
                marks: Marks::default(),
            })
        })
    }

    pub fn played_ms(&self) -> u64 {
        self.talk.played_ms()
    }

    /// Queue the marks that were reached for the far end.
    fn collect_marks(&mut self) -> Option<Warning> {
        let mut lost = None;
        while let Some(name) = self.talk.reached() {
            if !self.marks.add(name) {
                lost = self
                    .talk
                    .discarded("it does not read the marks that were reached");
            }
        }
        lost
    }
}

impl Fork {
    /// Is what the leg plays up to its far end?
    pub fn speaks(&self) -> bool {
        self.talking.is_some() && self.ending.is_none() && self.stage != Stage::Over
    }

    /// A text message of the far end.
    pub fn heard(&mut self, now: Instant, text: &[u8], sink: &mut impl Sink) {
        if !self.speaks() {
            return;
        }
        if let Some(talking) = &mut self.talking {
            let warnings = [talking.talk.hear(now, text), talking.collect_marks()];
            self.warn(warnings, sink);
            self.tell_marks(sink);
        }
    }

    /// A binary message of the far end.
    pub fn heard_binary(&mut self, bytes: usize, sink: &mut impl Sink) {
        if !self.speaks() {
            return;
        }
        if let Some(talking) = &mut self.talking {
            let warning = talking.talk.hear_binary(bytes);
            self.warn([warning, None], sink);
        }
    }

    /// Fill one packet, as µ-law, with what the far end has said.
    pub fn speak(&mut self, now: Instant, packet: &mut [u8], sink: &mut impl Sink) {
        if let Some(talking) = &mut self.talking {
            talking.talk.speak(now, packet);
            let warning = talking.collect_marks();
            self.warn([warning, None], sink);
            self.tell_marks(sink);
        }
    }

    /// Append the next mark that was reached, if one waits.
    pub(super) fn next_mark(&mut self, out: &mut Vec<u8>) -> Option<ForkFrame> {
        let Talking {
            stream_sid, marks, ..
        } = &mut **self.talking.as_mut()?;
        if !marks.next(self.sequence + 1, stream_sid, out) {
            return None;
        }
        self.sequence += 1;
        Some(ForkFrame::Event)
    }

    fn tell_marks(&mut self, sink: &mut impl Sink) {
        let waits = |talking: &Talking| !talking.marks.is_empty();
        if self.stage == Stage::Streaming && self.talking.as_deref().is_some_and(waits) {
            self.tell_ready(sink);
        }
    }

    fn warn(&self, warnings: [Option<Warning>; 2], sink: &mut impl Sink) {
        for Warning { code, detail } in warnings.into_iter().flatten() {
            sink.event(MediaEvent::ForkWarned {
                leg: self.leg,
                fork: self.id,
                code,
                detail,
            });
        }
    }
}
