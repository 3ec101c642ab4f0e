//! Legs coming, going and moving.

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Instant;

use bridgetap_media::{Command, ForkId, LegConfig, LegId, MovedLeg, RecordId};

use super::conn::Conn;
use super::io::{ForkIo, LegIo};
use super::{MediaThread, Token};
use crate::connector::{Dial, Job};
use crate::files::Recorder;
use crate::poller::Interest;
use crate::ports::PortPair;
use crate::route::{LegRef, Letter, Order};

/// A leg on its way to another thread, with all its sockets, between two packets: what arrives
/// meanwhile waits in the kernel.
pub(crate) struct Parcel {
    leg: MovedLeg,
    sockets: LegIo,
    forks: Vec<(ForkId, ForkIo)>,
    conns: Vec<Conn>,
    recorders: Vec<(RecordId, Recorder)>,
}

impl MediaThread {
    pub(super) fn open_leg(
        &mut self,
        config: LegConfig,
        sockets: PortPair,
        leg: Arc<LegRef>,
        now: Instant,
    ) {
        let id = leg.id;
        self.shard
            .command(now, Command::OpenLeg(config), &mut self.io);
        self.watch_leg(LegIo::new(leg, sockets), now);
        if self.stopping_until.is_some() {
            self.command(Command::CloseLeg { leg: id }, now);
        }
    }

    pub(super) fn command(&mut self, command: Command, now: Instant) {
        match &command {
            Command::Exchange { leg, other } => {
                let (leg, other) = (*leg, *other);
                if self.shard.can_exchange(leg, other) {
                    self.exchange_sockets(leg, other);
                }
            }
            Command::StartFork { leg, fork, target } => {
                let route = self
                    .io
                    .leg_mut(*leg)
                    .map(|entry| (entry.leg.clone(), target.clone()));
                let io = ForkIo {
                    leg: *leg,
                    connecting: true,
                    speaks: target.bidirectional,
                    route,
                };
                self.io.forks.insert(*fork, io);
            }
            Command::Configure { leg, media } => {
                if let Some(entry) = self.io.leg_mut(*leg) {
                    entry.muxed = media.remote_rtcp == Some(media.remote);
                }
            }
            Command::StartRecord { leg, record, .. } => {
                self.io.recorders.insert(*record, Recorder::new(*record));
                if let Some(entry) = self.io.leg_mut(*leg) {
                    entry.recorded = true;
                }
            }
            _ => {}
        }
        let lines = self.lines_of(&command);
        self.shard.command(now, command, &mut self.io);
        for leg in lines {
            self.aim(leg);
        }
    }

    /// Legs that may begin or cease to send what another says, or that do so to somebody else.
    fn lines_of(&self, command: &Command) -> Vec<LegId> {
        match command {
            Command::Configure { leg, .. } => vec![*leg],
            Command::Copy { to, .. } | Command::EndCopy { to } => vec![*to],
            Command::Bridge { leg, other } => vec![*leg, *other],
            Command::CloseLeg { leg } => self.shard.followers(*leg),
            _ => Vec::new(),
        }
    }

    /// A leg that sends what another says hears nobody, but for RTCP that comes by the same socket and may
    /// come from anywhere.
    fn aim(&mut self, leg: LegId) {
        let Some(&key) = self.io.leg_keys.get(&leg) else {
            return;
        };
        let Some(entry) = self.io.legs.get_mut(key) else {
            return;
        };
        let watched = entry.sockets.hears_rtp();
        entry
            .sockets
            .aim(self.shard.sends_copy(leg) && !entry.muxed);
        let (wanted, rtp) = (entry.sockets.hears_rtp(), &entry.sockets.rtp);
        let result = match (watched, wanted) {
            (true, false) => self.poller.remove(rtp),
            (false, true) => self.poller.add(rtp, Token::Rtp(key).pack(), Interest::Read),
            _ => Ok(()),
        };
        if let Err(error) = result {
            log::error!("leg {} ({}): {error}", leg.0, entry.leg.label);
        }
    }

    /// Watch the sockets of two far ends that change places where they are now.
    fn exchange_sockets(&mut self, one: LegId, other: LegId) {
        for key in self.io.exchange(one, other).into_iter().flatten() {
            let Some(sockets) = self.io.legs.get(key).map(|leg| &leg.sockets) else {
                continue;
            };
            for (socket, token) in watched(sockets, key) {
                if let Err(error) = self.poller.change(socket, token.pack(), Interest::Read) {
                    log::error!("exchanged sockets cannot be watched: {error}");
                }
            }
        }
    }

    /// Clean up behind the shard: sockets of legs that have closed, streams of forks that have.
    pub(super) fn settle(&mut self, now: Instant) {
        self.io.flush();
        while let Some(leg) = self.io.closed.pop() {
            if let Some(key) = self.io.leg_keys.remove(&leg) {
                self.io.legs.remove(key); // closing a socket takes it out of epoll as well
            }
        }
        self.dial();
        while let Some((fork, connecting)) = self.io.ended.pop() {
            if connecting {
                self.cancels.push(fork);
            } else {
                self.close_stream(fork, now);
            }
        }
    }

    /// Ask the connector for what the shard wants connected.
    fn dial(&mut self) {
        for (fork, dial) in std::mem::take(&mut self.io.dials) {
            let Some(io) = self.io.forks.get(&fork) else {
                continue; // it has ended since
            };
            let Some((leg, target)) = &io.route else {
                continue;
            };
            let Some(dial) = Dial::of(target, dial) else {
                continue;
            };
            let (leg, threads) = (leg.clone(), self.parts.threads.clone());
            let deliver = move |outcome| leg.end(&threads, Order::Connected { fork, outcome });
            self.jobs.push(Job {
                fork,
                dial,
                deliver: Box::new(deliver),
            });
        }
    }

    /// Give away the legs that were asked for.
    pub(super) fn give_legs(&mut self) {
        for (leg, to) in std::mem::take(&mut self.gives) {
            let order = match self.pack(leg) {
                Some(parcel) => Order::Arrive(Box::new(parcel)),
                None => Order::Gone,
            };
            self.mail_out.push((to, Letter { leg, order }));
        }
    }

    /// Take in a leg from another thread, then what was ordered for it meanwhile.
    pub(super) fn arrive(&mut self, parcel: Parcel, now: Instant) {
        let id = parcel.leg.id();
        self.io.recorders.extend(parcel.recorders);
        self.io.forks.extend(parcel.forks);
        self.watch_leg(parcel.sockets, now);
        for conn in parcel.conns {
            // Whether it was said to be ready over there is not known here: look once.
            self.io.ready.push(conn.fork);
            self.watch_stream(conn, now);
        }
        self.shard.insert_leg(now, parcel.leg, &mut self.io);
        self.has_come(id, now);
        if self.stopping_until.is_some() {
            self.command(Command::CloseLeg { leg: id }, now);
        }
    }

    fn watch_leg(&mut self, entry: LegIo, now: Instant) {
        let id = entry.leg.id;
        let slot = self.io.legs.vacant_entry();
        let key = slot.key();
        let entry = slot.insert(entry);
        self.io.leg_keys.insert(id, key);
        let result = watched(&entry.sockets, key)
            .try_for_each(|(socket, token)| self.poller.add(socket, token.pack(), Interest::Read));
        if let Err(error) = result {
            log::error!(
                "leg {} ({}): cannot be watched: {error}",
                id.0,
                entry.leg.label
            );
            self.command(Command::CloseLeg { leg: id }, now);
        }
    }

    fn pack(&mut self, leg: LegId) -> Option<Parcel> {
        let moved = self.shard.take_leg(leg)?;
        let key = self.io.leg_keys.remove(&leg)?;
        let sockets = self.io.legs.try_remove(key)?;
        for (socket, _) in watched(&sockets.sockets, key) {
            let _ = self.poller.remove(socket);
        }
        let (mut forks, mut conns) = (Vec::new(), Vec::new());
        for fork in moved.forks() {
            forks.extend(self.io.forks.remove(&fork).map(|io| (fork, io)));
            let conn = self
                .io
                .conn_keys
                .remove(&fork)
                .and_then(|key| self.io.conns.try_remove(key));
            if let Some(conn) = conn {
                let _ = self.poller.remove(&conn.socket);
                conns.push(conn);
            }
        }
        let recorders = moved
            .records()
            .filter_map(|id| self.io.recorders.remove(&id).map(|recorder| (id, recorder)))
            .collect();
        Some(Parcel {
            leg: moved,
            sockets,
            forks,
            conns,
            recorders,
        })
    }
}

/// Those of a leg's sockets that are heard, and what each is called.
fn watched(sockets: &PortPair, key: usize) -> impl Iterator<Item = (&UdpSocket, Token)> {
    let rtp = sockets
        .hears_rtp()
        .then_some((&sockets.rtp, Token::Rtp(key)));
    rtp.into_iter().chain([(&sockets.rtcp, Token::Rtcp(key))])
}
