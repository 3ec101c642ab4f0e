//! Carrying out the caller's orders.

use std::time::Instant;

use super::Shard;
use crate::command::Command;
use crate::config::{LegConfig, LegMedia, Track};
use crate::dtmf::Keys;
use crate::event::{EndReason, ForkEnded, MediaEvent};
use crate::fork::{Failure, Fork};
use crate::ids::{ForkId, LegId, PlayId, RecordId};
use crate::leg::Leg;
use crate::play::Playlist;
use crate::sink::Sink;
use crate::target::ForkTarget;

/// Twilio's code for tracks that cannot be had together.
const ONE_SPEAKS: u32 = 31941;

impl Shard {
    pub(super) fn order(&mut self, now: Instant, command: Command, sink: &mut impl Sink) {
        match command {
            Command::OpenLeg(config) => self.open_leg(now, &config),
            Command::Configure { leg, media } => self.configure(now, leg, *media),
            Command::Bridge { leg, other } => self.bridge(leg, other),
            Command::Exchange { leg, other } => self.exchange(now, leg, other),
            Command::Unbridge { leg } => self.unbridge(leg),
            Command::Copy { leg, track, to } => self.copy(now, leg, track, to),
            Command::EndCopy { to } => self.end_copy_to(now, to),
            Command::Play {
                leg,
                play,
                prompts,
                loops,
            } => {
                self.start_play(now, leg, play, |list| list.play(play, prompts, loops), sink);
            }
            Command::SendDtmf {
                leg,
                play,
                digits,
                duration_ms,
                gap_ms,
            } => {
                let keys = Keys::new(&digits, duration_ms, gap_ms);
                let order = |list: &mut Playlist| {
                    list.send_keys(play, keys);
                    true
                };
                self.start_play(now, leg, play, order, sink);
            }
            Command::StopPlay { leg } => {
                if let Some(leg) = self.legs.get_mut(&leg) {
                    leg.stop_play(sink);
                }
            }
            Command::Beep { leg: id } => {
                if let Some(leg) = self.open_leg_mut(id) {
                    leg.beep(now);
                    self.arm(id);
                }
            }
            Command::EndBeep { leg } => {
                if let Some(leg) = self.open_leg_mut(leg) {
                    leg.end_beep();
                }
            }
            Command::StartFork { leg, fork, target } => {
                self.start_fork(now, leg, fork, &target, sink)
            }
            Command::StopFork { fork } => {
                let deadline = now + self.config.close_drain;
                self.with_fork(now, fork, |fork, rings| {
                    fork.stop(now, EndReason::Stopped, deadline, rings, sink)
                });
            }
            Command::TellKey { leg, key } => {
                if let Some(leg) = self.open_leg_mut(leg) {
                    leg.taps.pressed(now, key, sink);
                }
            }
            Command::TellFork { fork, event, body } => {
                self.with_fork(now, fork, |fork, _| fork.tell(now, event, body, sink));
            }
            Command::StartRecord {
                leg,
                record,
                tracks,
            } => self.start_record(now, leg, record, &tracks, sink),
            Command::StopRecord { record } => {
                if let Some(id) = self.records.remove(&record)
                    && let Some(leg) = self.legs.get_mut(&id)
                {
                    leg.taps.end_records(now, Some(record), sink);
                    self.settle(now, id);
                }
            }
            Command::CloseLeg { leg } => self.close_leg(now, leg, sink),
        }
    }

    fn open_leg(&mut self, now: Instant, config: &LegConfig) {
        let leg = Box::new(Leg::new(now, config, &self.config));
        self.legs.entry(config.id).or_insert(leg);
        self.arm(config.id);
    }

    fn configure(&mut self, now: Instant, id: LegId, media: LegMedia) {
        if let Some(leg) = self.open_leg_mut(id) {
            leg.configure(now, media);
            self.settle(now, id);
        }
    }

    fn bridge(&mut self, one: LegId, other: LegId) {
        if one == other || !self.is_free(one) || !self.is_free(other) {
            return;
        }
        self.unbridge(one);
        self.unbridge(other);
        for (id, peer) in [(one, other), (other, one)] {
            if let Some(leg) = self.legs.get_mut(&id) {
                if leg.copied.is_some() {
                    leg.end_copy();
                }
                leg.peer = Some(peer);
            }
        }
    }

    /// Is it here and sends no track of another leg? One whose leader ended while it was on its way here does not.
    fn is_free(&self, id: LegId) -> bool {
        let open = |id| self.legs.get(&id).filter(|leg| !leg.closed);
        open(id).is_some_and(|leg| leg.copied.is_none_or(|copied| open(copied.from).is_none()))
    }

    fn exchange(&mut self, now: Instant, one: LegId, other: LegId) {
        if !self.can_exchange(one, other) {
            return;
        }
        let Some(mut taken) = self.legs.remove(&one) else {
            return;
        };
        if let Some(other) = self.legs.get_mut(&other) {
            taken.exchange(other, now);
        }
        self.legs.insert(one, taken);
        self.settle(now, one);
        self.settle(now, other);
    }

    pub(super) fn unbridge(&mut self, id: LegId) {
        let peer = self.legs.get(&id).and_then(|leg| leg.peer);
        for id in [Some(id).filter(|_| peer.is_some()), peer]
            .into_iter()
            .flatten()
        {
            if let Some(leg) = self.legs.get_mut(&id) {
                leg.unbridged();
            }
        }
    }

    fn copy(&mut self, now: Instant, id: LegId, track: Track, to: LegId) {
        if id == to || self.open_leg_mut(id).is_none() {
            return;
        }
        self.end_copy_to(now, to);
        self.unbridge(to);
        let Some(other) = self.open_leg_mut(to) else {
            return;
        };
        other.copy_from(id);
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.taps.add_copy(now, track, to);
            self.settle(now, id);
        }
    }

    /// `to` sends what it sent of another leg no more.
    fn end_copy_to(&mut self, now: Instant, to: LegId) {
        let Some(from) = self
            .legs
            .get_mut(&to)
            .and_then(|leg| Some((leg.copied?.from, leg.end_copy()).0))
        else {
            return;
        };
        if let Some(leg) = self.legs.get_mut(&from) {
            leg.taps.remove_copy(now, to);
            self.settle(now, from);
        }
    }

    fn start_play(
        &mut self,
        now: Instant,
        id: LegId,
        play: PlayId,
        order: impl FnOnce(&mut Playlist) -> bool,
        sink: &mut impl Sink,
    ) {
        match self.open_leg_mut(id) {
            Some(leg) => {
                leg.play(now, play, order, sink);
                self.arm(id);
            }
            None => sink.event(MediaEvent::PlayEnded {
                leg: id,
                play,
                completed: false,
            }),
        }
    }

    fn start_fork(
        &mut self,
        now: Instant,
        id: LegId,
        fork: ForkId,
        target: &ForkTarget,
        sink: &mut impl Sink,
    ) {
        let coalesce = self.config.coalesce;
        match self.open_leg_mut(id) {
            Some(leg) => {
                let mut made = Fork::new(now, fork, id, target).coalescing(coalesce);
                if made.speaks() && !leg.give_voice(now, fork) {
                    let why = "another bidirectional stream is connected to this leg".to_owned();
                    let failure = Failure::lasting(ONE_SPEAKS, why);
                    return made.refused(failure, &leg.taps.listeners.rings, sink);
                }
                leg.taps.add_fork(now, made);
                self.forks.insert(fork, id);
                self.settle(now, id);
            }
            None => sink.event(MediaEvent::ForkEnded(ForkEnded::without_leg(id, fork))),
        }
    }

    fn start_record(
        &mut self,
        now: Instant,
        id: LegId,
        record: RecordId,
        tracks: &[Track],
        sink: &mut impl Sink,
    ) {
        match self.open_leg_mut(id).filter(|_| !tracks.is_empty()) {
            Some(leg) => {
                leg.taps.add_record(now, record, tracks);
                self.records.insert(record, id);
                self.settle(now, id);
            }
            None => sink.record_ended(id, record),
        }
    }

    fn close_leg(&mut self, now: Instant, id: LegId, sink: &mut impl Sink) {
        self.unbridge(id);
        self.end_copy_to(now, id);
        for follower in self.followers(id) {
            self.end_copy_to(now, follower);
        }
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| !leg.closed) else {
            return;
        };
        leg.close(now, &mut self.scratch, sink);
        self.draining += 1;
        self.records.retain(|_, owner| *owner != id);
        self.settle(now, id);
    }

    fn open_leg_mut(&mut self, id: LegId) -> Option<&mut Leg> {
        self.legs
            .get_mut(&id)
            .map(|leg| &mut **leg)
            .filter(|leg| !leg.closed)
    }
}
