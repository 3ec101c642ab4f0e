//! Resume mode: messages are kept before they are sent, and sent again over the next connection.

use std::time::Instant;

use super::redial::Next;
use super::totals::Ended;
use super::{Composed, Fork, ForkDial, ForkFrame, Rings, STOP_GRACE, Stage};
use crate::clock::CHUNK_MS;
use crate::event::{EndReason, MediaEvent};
use crate::sink::Sink;
use crate::target::Overflow;

/// A stream that is closed because its far end is too far behind.
pub const TOO_SLOW: u32 = 31930;

impl Fork {
    /// The far server answered 101; `kept` is what it says it has of this stream.
    pub fn opened(&mut self, now: Instant, kept: Option<u64>, sink: &mut impl Sink) {
        if self.stage != Stage::Connecting {
            return;
        }
        self.stage = Stage::Connected;
        self.opened = Some(now);
        self.redial.opened(now);
        if self.introduced {
            self.rewind(now, kept, sink);
        }
        self.tell_ready(sink);
    }

    fn rewind(&mut self, now: Instant, kept: Option<u64>, sink: &mut impl Sink) {
        let Some(ring) = &mut self.kept else {
            return;
        };
        let again = ring.rewind(kept, self.unsent_ms.into());
        let gap = ring.gap().map_or(0, |gap| gap.lost[0].max(gap.lost[1]));
        (self.unsent_ms, self.unsent_bytes) = (0, 0);
        self.totals.reconnects += 1;
        let down = self
            .broke
            .take()
            .map(|at| now.saturating_duration_since(at));
        sink.event(MediaEvent::ForkResumed {
            leg: self.leg,
            fork: self.id,
            endpoint: self.redial.endpoint() as u32,
            down_ms: down.map_or(0, |down| {
                u64::try_from(down.as_millis()).unwrap_or(u64::MAX)
            }),
            knows: kept.is_some(),
            frames_replayed: again,
            gap_ms: gap * CHUNK_MS,
        });
    }

    /// Put everything new in its place among what is kept.
    pub(super) fn keep_new(&mut self, now: Instant, rings: &Rings, sink: &mut impl Sink) {
        let Some(mut kept) = self.kept.take() else {
            return;
        };
        let mut text = std::mem::take(&mut kept.text);
        let mut fell_out = 0;
        while let Some(composed) = self.compose(rings, &mut text) {
            fell_out += kept.push(composed.message, &text);
            text.clear();
        }
        kept.text = text;
        let behind_ms = kept.ring_ms();
        self.kept = Some(kept);
        if fell_out == 0 {
            return;
        }
        self.totals.chunks_dropped += fell_out;
        if self.overflow == Overflow::Close {
            self.end_too_slow(behind_ms, rings, sink);
        } else if self.lag.skipped(now) {
            self.tell_lag(behind_ms, super::lag::SKIPPED, sink);
        }
    }

    /// The stream ends because audio would have to give way.
    pub(super) fn end_too_slow(&mut self, lag_ms: u32, rings: &Rings, sink: &mut impl Sink) {
        let how = Ended {
            reason: EndReason::Failed,
            code: TOO_SLOW,
            detail: format!("{lag_ms} ms behind, and overflow is close"),
            close_code: 0,
        };
        self.end(how, rings, sink);
    }

    /// Append the next of what is kept, or what there is to say of what is not.
    pub(super) fn next_kept(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<ForkFrame> {
        let kept = self.kept.as_deref_mut()?;
        if let Some(gap) = kept.gap() {
            kept.gap_told(gap);
            let first = kept.first_index();
            let stamp = |chunks: u64, track: usize| {
                let index = first[track].unwrap_or(0) + chunks + self.shape.chunks();
                (index * CHUNK_MS).saturating_sub(self.origin_ms)
            };
            self.messages.gap(out, &gap, &self.tracks, stamp);
            return Some(ForkFrame::Event);
        }
        let handed = kept.hand_over(out)?;
        let chunks = handed.message.audio();
        if handed.recovered {
            self.totals.chunks_dropped -= chunks;
        }
        if handed.again {
            self.totals.chunks_replayed += chunks;
        } else {
            self.account(
                now,
                &Composed {
                    message: handed.message,
                    chunks,
                },
            );
        }
        if handed.message.frame == ForkFrame::Stop {
            // Whether it is written is still to be told: until then all may be sent again.
            self.unsent_bytes = self.unsent_bytes.max(1);
            self.stage = Stage::Stopped {
                until: now + STOP_GRACE,
            };
        }
        Some(handed.message.frame)
    }

    /// There is no connection, or no more: dial on, or end.
    pub(super) fn lost(
        &mut self,
        now: Instant,
        how: Ended,
        lasting: bool,
        rings: &Rings,
        sink: &mut impl Sink,
    ) {
        let next = match self.stage {
            Stage::Over | Stage::Waiting { .. } => return,
            Stage::Connecting => self.redial.failed(now, lasting),
            _ if lasting => Next::Never,
            _ => self.redial.broke(now),
        };
        let (until, endpoint) = match next {
            Next::Never => return self.end(how, rings, sink),
            Next::Now(endpoint) => (now, endpoint),
            Next::At(until, endpoint) => (until, endpoint),
        };
        if self.introduced {
            self.broke.get_or_insert(now);
        }
        self.told_ready = false;
        self.hold = None;
        let wait = until.saturating_duration_since(now);
        sink.event(MediaEvent::ForkReconnecting {
            leg: self.leg,
            fork: self.id,
            endpoint: endpoint as u32,
            wait_ms: u32::try_from(wait.as_millis()).unwrap_or(u32::MAX),
            code: how.code,
            detail: how.detail,
            close_code: how.close_code,
        });
        if until <= now {
            self.dial(endpoint, sink);
        } else {
            self.stage = Stage::Waiting { until, endpoint };
        }
    }

    pub(super) fn dial(&mut self, endpoint: usize, sink: &mut impl Sink) {
        self.stage = Stage::Connecting;
        let sent = self.kept.as_ref().map(|kept| kept.sent());
        let sent = sent.filter(|_| self.introduced);
        sink.fork_dial(self.id, ForkDial { endpoint, sent });
    }
}
