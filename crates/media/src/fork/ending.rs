//! How a fork ends: stopped and drained, or by its far server; exactly once.

use std::time::Instant;

use super::kept::Message;
use super::reader::Reader;
use super::totals::Ended;
use super::{
    Ending, Failure, Fork, ForkFrame, RemoteClose, Rings, STOP_GRACE, Stage, WIRE_OVERHEAD,
};
use crate::clock::CHUNK_MS;
use crate::event::{EndReason, MediaEvent};
use crate::sink::Sink;

impl Fork {
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
        self.unsent_bytes = unsent_bytes;
        self.unsent_ms = u32::try_from(ms).unwrap_or(u32::MAX);
        if let Some(kept) = &mut self.kept {
            kept.trim(ms);
        }
        if matches!(self.stage, Stage::Stopped { .. }) && unsent_bytes == 0 {
            self.end_as_asked(0, rings, sink);
        } else {
            self.bound_lag(now, rings, sink);
        }
    }

    /// Take no further audio; drain until `deadline`.
    pub fn stop(
        &mut self,
        now: Instant,
        reason: EndReason,
        deadline: Instant,
        rings: &Rings,
        sink: &mut impl Sink,
    ) {
        if self.ending.is_some() || self.stage == Stage::Over {
            return;
        }
        self.reader.stop(rings);
        self.keep_new(now, rings, sink);
        if self.stage == Stage::Over {
            return;
        }
        self.ending = Some(Ending { reason, deadline });
        let nothing_queued = match &self.kept {
            Some(kept) => kept.waiting() == 0,
            None => self.reader.queued(rings) == 0,
        };
        let unknown =
            !self.introduced && matches!(self.stage, Stage::Connecting | Stage::Waiting { .. });
        // Nobody to tell, and nothing to tell: over.
        if unknown && nothing_queued {
            return self.end_as_asked(0, rings, sink);
        }
        self.keep_stop();
        if !matches!(self.stage, Stage::Connecting | Stage::Waiting { .. }) {
            self.tell_ready(sink);
        }
    }

    /// The last message, so that it can be sent again as the others.
    fn keep_stop(&mut self) {
        let Some(kept) = &mut self.kept else {
            return;
        };
        self.sequence += 1;
        let mut text = Vec::new();
        self.messages.stop(&mut text, self.sequence);
        let stop = Message {
            frame: ForkFrame::Stop,
            chunks: [0, 0],
            clock_ms: kept.newest_ms(),
            arrived: None,
            repaired: 0,
        };
        let _ = kept.push(stop, &text);
    }

    pub(super) fn next_stop(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<ForkFrame> {
        self.ending?;
        self.sequence += 1;
        self.messages.stop(out, self.sequence);
        self.stage = Stage::Stopped {
            until: now + STOP_GRACE,
        };
        Some(ForkFrame::Stop)
    }

    pub fn remote_closed(
        &mut self,
        now: Instant,
        close: RemoteClose,
        rings: &Rings,
        sink: &mut impl Sink,
    ) {
        let lasting = close.is_ordinary();
        let how = Ended {
            reason: EndReason::RemoteClosed,
            code: close.code(),
            close_code: close.close_code.unwrap_or(0),
            detail: close.detail,
        };
        if self.is_delivered() || (lasting && matches!(self.stage, Stage::Stopped { .. })) {
            return self.end_as_asked(how.close_code, rings, sink);
        }
        self.lost(now, how, lasting, rings, sink);
    }

    pub fn failed(&mut self, now: Instant, failure: Failure, rings: &Rings, sink: &mut impl Sink) {
        if self.is_delivered() {
            // All was handed over; how the socket went after that changes nothing.
            return self.end_as_asked(0, rings, sink);
        }
        let lasting = failure.lasting;
        self.lost(now, Ended::failed(failure), lasting, rings, sink);
    }

    /// It may not begin, whatever endpoint is asked.
    pub fn refused(&mut self, failure: Failure, rings: &Rings, sink: &mut impl Sink) {
        self.end(Ended::failed(failure), rings, sink);
    }

    /// `stop` was handed over, and nothing more can be done for what is under way.
    fn is_delivered(&self) -> bool {
        let can_repeat = self.kept.is_some() && self.unsent_bytes > 0;
        matches!(self.stage, Stage::Stopped { .. }) && !can_repeat
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        let deadline = self.ending.map(|ending| ending.deadline);
        match self.stage {
            Stage::Over => None,
            Stage::Stopped { until } => Some(until),
            Stage::Waiting { until, .. } => Some(deadline.map_or(until, |end| end.min(until))),
            _ => deadline.into_iter().chain(self.hold).min(),
        }
    }

    pub fn handle_timeout(&mut self, now: Instant, rings: &Rings, sink: &mut impl Sink) {
        if self.hold.is_some_and(|until| until <= now) {
            self.hold = None;
            if self.stage == Stage::Streaming {
                self.tell_ready(sink);
            }
        }
        if self.next_timeout().is_none_or(|due| due > now) {
            return;
        }
        if let Stage::Waiting { endpoint, .. } = self.stage
            && self.ending.is_none_or(|ending| ending.deadline > now)
        {
            return self.dial(endpoint, sink);
        }
        if self.stage == Stage::Streaming && self.has_queued(rings) {
            // The drain is over: drop what is left, and give `stop` itself a moment.
            match &mut self.kept {
                Some(kept) => self.totals.chunks_dropped += kept.pass_to_stop(),
                None => self.skip_to(0, rings),
            }
            if let Some(ending) = &mut self.ending {
                ending.deadline = now + STOP_GRACE;
            }
            self.tell_ready(sink);
        } else {
            self.end_as_asked(0, rings, sink);
        }
    }

    fn has_queued(&self, rings: &Rings) -> bool {
        match &self.kept {
            Some(kept) => kept.waiting() > 1,
            None => self.reader.queued(rings) > 0,
        }
    }

    pub(super) fn end_as_asked(&mut self, close_code: u16, rings: &Rings, sink: &mut impl Sink) {
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

    pub(super) fn end(&mut self, how: Ended, rings: &Rings, sink: &mut impl Sink) {
        if self.stage == Stage::Over {
            return;
        }
        self.totals.chunks_dropped += self.reader.queued(rings);
        if let Some(mut kept) = self.kept.take() {
            self.totals.chunks_dropped += kept.give_up();
            self.totals.chunks_missing = kept.missing();
        }
        self.stage = Stage::Over;
        self.reader = Reader::default();
        let mut ended = self.totals.ended(self.leg, self.id, how, self.lag.most_ms);
        ended.ms_played = self.talking.take().map_or(0, |talking| talking.played_ms());
        sink.event(MediaEvent::ForkEnded(ended));
    }
}
