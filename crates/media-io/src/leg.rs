//! A handle to one leg: turns calls into orders for the thread the leg lives on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bridgetap_media::{
    Command, ForkId, ForkTarget, LegId, LegMedia, LegStats, PlayId, PromptId, RecordId, Track,
};

use crate::connector::Dial;
use crate::error::MediaError;
use crate::files::FileOrder;
use crate::media::Inner;
use crate::route::{LegRef, Order};
use crate::target;

/// One RTP leg; a media thread owns the leg itself. Starts are refused when that thread does not
/// keep up or media is closed; ends never are.
pub struct LegHandle {
    leg: Arc<LegRef>,
    inner: Arc<Inner>,
    rtp_port: u16,
    ssrc: u32,
    closed: AtomicBool,
}

impl LegHandle {
    pub(crate) fn new(leg: Arc<LegRef>, inner: Arc<Inner>, rtp_port: u16, ssrc: u32) -> Self {
        Self {
            leg,
            inner,
            rtp_port,
            ssrc,
            closed: AtomicBool::new(false),
        }
    }

    /// Its number in events.
    pub fn id(&self) -> LegId {
        self.leg.id
    }

    /// The name given when it was opened.
    pub fn label(&self) -> &str {
        &self.leg.label
    }

    /// The even port; RTCP is on the one above.
    pub fn rtp_port(&self) -> u16 {
        self.rtp_port
    }

    /// Our synchronisation source.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Set or change what SDP agreed.
    ///
    /// # Errors
    /// When the thread takes no orders.
    pub fn configure(&self, media: LegMedia) -> Result<(), MediaError> {
        target::check_media(&media)?;
        let leg = self.leg.id;
        let media = Box::new(media);
        self.start(Command::Configure { leg, media })
    }

    /// Play after what is already queued; `loops` 0 is for ever.
    ///
    /// # Errors
    /// A prompt that is not loaded, or a thread that takes no orders.
    pub fn play(&self, prompts: &[PromptId], loops: u32) -> Result<PlayId, MediaError> {
        let prompts: Result<Vec<_>, _> = prompts.iter().map(|id| self.inner.prompt(*id)).collect();
        let play = PlayId(self.inner.next_id());
        self.start(Command::Play {
            leg: self.leg.id,
            play,
            prompts: prompts?,
            loops,
        })?;
        Ok(play)
    }

    /// End all that is queued.
    pub fn stop_play(&self) {
        self.end(Command::StopPlay { leg: self.leg.id });
    }

    /// Relay both ways with `other`. The younger of the two moves to the older's thread.
    ///
    /// # Errors
    /// The same leg twice, one that sends another's track, or a thread that takes no orders.
    pub fn bridge(&self, other: &LegHandle) -> Result<(), MediaError> {
        let (leg, other_id) = (self.leg.id, other.leg.id);
        let order = Command::Bridge {
            leg,
            other: other_id,
        };
        self.together("bridge", other, order)
    }

    /// Exchange far ends with `other`: address, codec, port and numbers of each party go to the
    /// other handle; bridges, forks, recordings and prompts stay. [`rtp_port`](Self::rtp_port) and
    /// [`ssrc`](Self::ssrc) go on to name what each handle was opened with.
    ///
    /// # Errors
    /// The same leg twice, one that sends another's track, or a thread that takes no orders.
    pub fn exchange(&self, other: &LegHandle) -> Result<(), MediaError> {
        let (leg, other_id) = (self.leg.id, other.leg.id);
        let order = Command::Exchange {
            leg,
            other: other_id,
        };
        self.together("exchange", other, order)
    }

    /// End the bridge.
    pub fn unbridge(&self) {
        self.end(Command::Unbridge { leg: self.leg.id });
    }

    /// Let `to` send a track of this leg until [`end_copy`](Self::end_copy) or the end of either. `to` moves
    /// to this leg's thread and stays with it; its bridge ends, and another is refused meanwhile.
    ///
    /// # Errors
    /// The same leg twice, or a thread that takes no orders.
    pub fn copy(&self, track: Track, to: &LegHandle) -> Result<(), MediaError> {
        let _leave = self.inner.leave()?;
        let (leg, other) = (self.leg.id, to.leg.id);
        if leg == other || !Arc::ptr_eq(&self.inner, &to.inner) {
            return Err(MediaError::Value {
                place: "copy",
                value: other.0.to_string(),
                rule: "must go to another leg of the same media",
            });
        }
        let order = Order::Shard(Command::Copy {
            leg,
            track,
            to: other,
        });
        self.leg.lead(&to.leg, &self.inner.threads, order)
    }

    /// `to` sends nothing of this leg any more.
    pub fn end_copy(&self, to: &LegHandle) {
        self.leg.let_go(to.leg.id);
        to.end(Command::EndCopy { to: to.leg.id });
    }

    /// Send keys.
    ///
    /// # Errors
    /// A character that is no key, or a thread that takes no orders.
    pub fn send_dtmf(
        &self,
        digits: &str,
        duration_ms: u32,
        gap_ms: u32,
    ) -> Result<PlayId, MediaError> {
        target::check_digits(digits)?;
        let play = PlayId(self.inner.next_id());
        self.start(Command::SendDtmf {
            leg: self.leg.id,
            play,
            digits: digits.to_owned(),
            duration_ms,
            gap_ms,
        })?;
        Ok(play)
    }

    /// Let the party hear a beep now and every 15 seconds. Twice is fine.
    ///
    /// # Errors
    /// A thread that takes no orders.
    pub fn beep(&self) -> Result<(), MediaError> {
        self.start(Command::Beep { leg: self.leg.id })
    }

    /// The party hears no more of them.
    pub fn end_beep(&self) {
        self.end(Command::EndBeep { leg: self.leg.id });
    }

    /// Start copying audio; returns at once, the connector does the rest.
    ///
    /// # Errors
    /// A target that would break the wire, or a thread that takes no orders.
    pub fn fork(&self, target: ForkTarget) -> Result<ForkId, MediaError> {
        target::check_fork(&target)?;
        let Some(first) = Dial::first(&target) else {
            return Err(target::no_endpoint());
        };
        let fork = ForkId(self.inner.next_id());
        let target = Arc::new(ForkTarget {
            seed: fork.0,
            ..target
        });
        self.inner.up.open_fork(fork);
        let started = self.start(Command::StartFork {
            leg: self.leg.id,
            fork,
            target,
        });
        if let Err(error) = started {
            self.inner.up.forget_fork(fork);
            return Err(error);
        }
        let (leg, threads) = (self.leg.clone(), self.inner.threads.clone());
        let deliver = move |outcome| leg.end(&threads, Order::Connected { fork, outcome });
        self.inner.connector.open(fork, first, Box::new(deliver));
        Ok(fork)
    }

    /// Take no further audio; drain, send `stop`, close.
    pub fn stop_fork(&self, fork: ForkId) {
        self.end(Command::StopFork { fork });
    }

    /// Tell a fork's far server of an event: `body` is a JSON object, whose members follow the
    /// time it happened at.
    ///
    /// # Errors
    /// What would not be such a message, or a thread that takes no orders.
    pub fn tell_fork(&self, fork: ForkId, event: &str, body: &str) -> Result<(), MediaError> {
        target::check_event(event, body)?;
        self.start(Command::TellFork {
            fork,
            event: event.into(),
            body: body.into(),
        })
    }

    /// A key of the party came by signalling; `key` is one of `0-9*#A-D`.
    ///
    /// # Errors
    /// Another key, or a thread that takes no orders.
    pub fn tell_key(&self, key: char) -> Result<(), MediaError> {
        target::check_key(key)?;
        let leg = self.leg.id;
        self.start(Command::TellKey { leg, key })
    }

    /// Write a WAV, one channel a track.
    ///
    /// # Errors
    /// No track, or a thread that takes no orders. What the file system says comes with
    /// `RecordEnded`.
    pub fn record(&self, path: &str, tracks: &[Track]) -> Result<RecordId, MediaError> {
        let mut once: Vec<Track> = Vec::new();
        for track in tracks {
            if !once.contains(track) {
                once.push(*track);
            }
        }
        if once.is_empty() {
            return Err(MediaError::Value {
                place: "record: tracks",
                value: String::new(),
                rule: "must name at least one track",
            });
        }
        let record = RecordId(self.inner.next_id());
        self.inner.files.order(FileOrder::Open {
            record,
            leg: self.leg.id,
            path: path.to_owned(),
            channels: once.len() as u16,
        });
        let started = self.start(Command::StartRecord {
            leg: self.leg.id,
            record,
            tracks: once,
        });
        if let Err(error) = started {
            self.inner.files.order(FileOrder::Abandon { record });
            return Err(error);
        }
        Ok(record)
    }

    /// End a recording.
    pub fn stop_record(&self, record: RecordId) {
        self.end(Command::StopRecord { record });
    }

    /// The figures last published.
    pub fn stats(&self) -> Option<LegStats> {
        self.leg.stats()
    }

    /// Stop the leg and its forks. Twice is fine.
    pub fn close(&self) {
        if !self.closed.swap(true, Ordering::SeqCst) {
            self.leg.let_all_go();
            self.end(Command::CloseLeg { leg: self.leg.id });
        }
    }

    fn start(&self, command: Command) -> Result<(), MediaError> {
        let _leave = self.inner.leave()?;
        self.leg.start(&self.inner.threads, Order::Shard(command))
    }

    /// An order about two legs, given on the thread that both are on then.
    fn together(
        &self,
        place: &'static str,
        other: &LegHandle,
        order: Command,
    ) -> Result<(), MediaError> {
        let _leave = self.inner.leave()?;
        if self.leg.id == other.leg.id || !Arc::ptr_eq(&self.inner, &other.inner) {
            return Err(MediaError::Value {
                place,
                value: other.leg.id.0.to_string(),
                rule: "must be another leg of the same media",
            });
        }
        for leg in [&self.leg, &other.leg] {
            if leg.follows() {
                return Err(MediaError::Value {
                    place,
                    value: leg.id.0.to_string(),
                    rule: "must not be sending another leg's track",
                });
            }
        }
        self.leg
            .join(&other.leg, &self.inner.threads, Order::Shard(order))
    }

    fn end(&self, command: Command) {
        self.leg.end(&self.inner.threads, Order::Shard(command));
    }
}

impl Drop for LegHandle {
    /// Nobody can reach the leg any more.
    fn drop(&mut self) {
        self.close();
    }
}
