//! One RTP leg: everything that belongs to one party of a call, without its socket.

mod agreed;
mod beeps;
mod copies;
mod hear;
mod reports;
mod speak;
mod talk;
mod taps;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use self::agreed::Agreed;
use self::beeps::Beeps;
use self::copies::{Copied, ROOM, Said};
pub use self::hear::Heard;
use self::reports::Reports;
use self::talk::Speaker;
use self::taps::Taps;
use crate::clock::{CallClock, step_up};
use crate::config::{LegConfig, LegMedia, ShardConfig, Track};
use crate::dtmf;
use crate::event::{EndReason, LegStats, MediaEvent};
use crate::ids::LegId;
use crate::level::Meter;
use crate::outstream::OutStream;
use crate::play::{Playlist, Room};
use crate::reception::Reception;
use crate::rtp::HEADER_LEN;
use crate::seq::{Seq, Ssrc, Timestamp};
use crate::sink::Sink;
use crate::source_lock::SourceLock;
use crate::srtp::Srtp;
use crate::timeline::Patience;
use crate::transcode::{Decoded, Ear, MAX_AUDIO, Mouth};

const STATS_EVERY: Duration = Duration::from_secs(1);

/// Buffers that all legs of a shard share, used within one call.
#[derive(Debug)]
pub struct Scratch {
    pub decoded: Decoded,
    pub play: Room,
    /// What other legs are to send: of any leg, before the shard turns to the next thing.
    pub said: Vec<Said>,
    /// One datagram.
    pub out: [u8; HEADER_LEN + MAX_AUDIO],
    pub rtcp: Vec<u8>,
}

impl Scratch {
    pub fn new() -> Self {
        Self {
            decoded: Decoded::new(),
            play: Room::new(),
            said: Vec::with_capacity(ROOM),
            out: [0; HEADER_LEN + MAX_AUDIO],
            rtcp: Vec::with_capacity(512),
        }
    }
}

#[derive(Debug)]
pub struct Leg {
    pub id: LegId,
    config: ShardConfig,
    agreed: Option<Agreed>,
    lock: Option<SourceLock>,
    srtp: Option<Box<Srtp>>,
    reception: Reception,
    ear: Ear,
    keys: dtmf::Receiver,
    /// Keys heard as events that a peer without events must hear as tones.
    pub for_peer: Vec<dtmf::Press>,
    out: OutStream,
    mouth: Mouth,
    playlist: Playlist,
    /// A far server speaks here instead.
    speaker: Option<Speaker>,
    /// The party is told by a tone that it is recorded.
    beeps: Option<Box<Beeps>>,
    pub taps: Taps,
    meters: [Meter; 2],
    /// Audio packets since the meters were read.
    probed: u8,
    reports: Reports,
    stats_due: Instant,
    /// Since when a packet has been missed: the last one, or when they were first expected.
    silent_since: Option<Instant>,
    refused: u64,
    malformed: u64,
    pub peer: Option<LegId>,
    pub copied: Option<Copied>,
    /// When the shard's timer for this leg goes off.
    pub armed: Option<Instant>,
    pub closed: bool,
}

impl Leg {
    pub fn new(now: Instant, leg: &LegConfig, shard: &ShardConfig) -> Self {
        let origin = step_up(shard.epoch, now);
        let patience = Patience {
            reorder: shard.reorder,
            tolerance: shard.tolerance,
        };
        Self {
            id: leg.id,
            config: shard.clone(),
            agreed: None,
            lock: None,
            srtp: None,
            reception: Reception::default(),
            ear: Ear::default(),
            keys: dtmf::Receiver::default(),
            for_peer: Vec::new(),
            out: OutStream::new(
                Ssrc(leg.ssrc),
                Seq(leg.first_sequence),
                Timestamp(leg.first_timestamp),
            ),
            mouth: Mouth::default(),
            playlist: Playlist::default(),
            speaker: None,
            beeps: None,
            taps: Taps::new(leg.id, CallClock::new(origin), patience),
            meters: [Meter::default(), Meter::default()],
            probed: 0,
            reports: Reports::new(leg.seed),
            stats_due: origin + STATS_EVERY,
            silent_since: None,
            refused: 0,
            malformed: 0,
            peer: None,
            copied: None,
            armed: None,
            closed: false,
        }
    }

    pub fn configure(&mut self, now: Instant, media: LegMedia) {
        match &mut self.lock {
            Some(lock) => lock.configure(now, media.remote, media.symmetric),
            lock => *lock = Some(SourceLock::new(media.remote, media.symmetric)),
        }
        self.srtp = Srtp::renew(self.srtp.take(), media.srtp.as_ref());
        let agreed = Agreed::new(media);
        self.silent_since = agreed.media.direction.receives().then_some(now);
        if !agreed.media.direction.receives() {
            self.taps.source_ended(Track::Inbound);
        }
        if !agreed.media.direction.sends() {
            self.pause_sending();
        }
        self.taps.listen_inband(now, agreed.listens_inband());
        self.agreed = Some(agreed);
        self.reports.begin(now);
        self.wake(now);
    }

    /// Exchange who is at the other end: everything that belongs to the party and not to its
    /// place in the call. Between two packets; the timelines of both places go on.
    pub fn exchange(&mut self, other: &mut Self, now: Instant) {
        use std::mem::swap;
        swap(&mut self.agreed, &mut other.agreed);
        swap(&mut self.lock, &mut other.lock);
        swap(&mut self.srtp, &mut other.srtp);
        swap(&mut self.reception, &mut other.reception);
        swap(&mut self.ear, &mut other.ear);
        swap(&mut self.keys, &mut other.keys);
        swap(&mut self.out, &mut other.out);
        swap(&mut self.mouth, &mut other.mouth);
        swap(&mut self.beeps, &mut other.beeps);
        swap(&mut self.reports, &mut other.reports);
        swap(&mut self.silent_since, &mut other.silent_since);
        swap(&mut self.refused, &mut other.refused);
        swap(&mut self.malformed, &mut other.malformed);
        self.taps.exchange_parties(&mut other.taps);
        for leg in [self, other] {
            leg.out.break_off();
            let inband = leg.agreed.as_ref().is_some_and(Agreed::listens_inband);
            leg.taps.listen_inband(now, inband);
            leg.wake(now);
        }
    }

    /// When this leg wants `handle_timeout`.
    pub fn next_timeout(&self) -> Option<Instant> {
        let forks_and_timelines = self.taps.next_timeout();
        if self.closed {
            return forks_and_timelines;
        }
        let due = [
            forks_and_timelines,
            self.playlist.due(),
            self.speaker.as_ref().and_then(Speaker::due),
            self.beeps.as_ref().and_then(|beeps| beeps.due()),
            self.keys.next_timeout(),
            self.reports.due,
            Some(self.stats_due),
            self.silence_due(),
        ];
        due.into_iter().flatten().min()
    }

    pub fn handle_timeout(&mut self, now: Instant, scratch: &mut Scratch, sink: &mut impl Sink) {
        self.taps.handle_timeout(now, &mut scratch.said, sink);
        if self.closed {
            return;
        }
        self.play_due(now, scratch, sink);
        self.speak_due(now, scratch, sink);
        self.beep_due(now, scratch, sink);
        if self.keys.next_timeout().is_some_and(|due| due <= now) {
            self.finish_keys(now, sink);
        }
        if self.reports.due.is_some_and(|due| due <= now) {
            self.send_report(now, false, scratch, sink);
            self.reports.schedule(now);
        }
        if self.stats_due <= now {
            self.stats_due = now + STATS_EVERY;
            sink.leg_stats(&self.stats());
        }
        if let (Some(since), Some(due)) = (self.silent_since, self.silence_due())
            && due <= now
        {
            self.silent_since = None;
            sink.event(MediaEvent::RtpTimedOut {
                leg: self.id,
                silent_ms: now.saturating_duration_since(since).as_millis() as u64,
            });
        }
    }

    /// End everything but forks that drain.
    pub fn close(&mut self, now: Instant, scratch: &mut Scratch, sink: &mut impl Sink) {
        self.stop_play(sink);
        self.taps.end_records(now, None, sink);
        let deadline = now + self.config.close_drain;
        self.taps.close();
        let listeners = &mut self.taps.listeners;
        for fork in &mut listeners.forks {
            fork.stop(now, EndReason::CallEnded, deadline, &listeners.rings, sink);
        }
        listeners.copies.clear();
        if self.agreed.is_some() {
            self.send_report(now, true, scratch, sink);
        }
        self.closed = true;
        self.peer = None;
        self.speaker = None;
        self.beeps = None;
        sink.event(MediaEvent::LegClosed {
            stats: self.stats(),
        });
    }

    /// The figures so far; the levels start over.
    fn stats(&mut self) -> LegStats {
        let counters = self.reception.counters();
        let timeline = self.taps.counters();
        self.probed = 0;
        let [level_in, level_out] = self.meters.each_mut().map(Meter::take_db);
        LegStats {
            leg: self.id,
            packets_received: counters.packets,
            packets_sent: self.out.packets(),
            bytes_received: counters.bytes,
            lost: self.reception.lost(),
            late: timeline.late,
            duplicated: counters.duplicated,
            reordered: counters.reordered,
            slips: timeline.slips,
            filled_ms: timeline.filled / 8,
            jitter_ms: self.reception.jitter_ms(),
            refused_source: self.refused,
            malformed: self.malformed,
            remote: self.lock.as_ref().map(SourceLock::peer),
            level_in,
            level_out,
        }
    }

    fn silence_due(&self) -> Option<Instant> {
        let wait = self.config.rtp_timeout;
        self.silent_since
            .filter(|_| !wait.is_zero())
            .map(|since| since + wait)
    }

    fn send_report(
        &mut self,
        now: Instant,
        goodbye: bool,
        scratch: &mut Scratch,
        sink: &mut impl Sink,
    ) {
        let (Some(agreed), Some(lock)) = (&self.agreed, &self.lock) else {
            return;
        };
        let Some(target) = lock.target() else {
            return;
        };
        let Some(to) = agreed.rtcp_target(target, self.reports.source) else {
            return;
        };
        scratch.rtcp.clear();
        self.reports.compose(
            now,
            ntp(&self.config, now),
            &self.out,
            &mut self.reception,
            (&agreed.media.cname, goodbye),
            &mut scratch.rtcp,
        );
        let compound = match &mut self.srtp {
            None => Some(&scratch.rtcp[..]),
            Some(srtp) => srtp.seal_rtcp(&scratch.rtcp),
        };
        match compound {
            Some(compound) if agreed.is_muxed() => sink.send_rtp(self.id, to, compound),
            Some(compound) => sink.send_rtcp(self.id, to, compound),
            None => {}
        }
    }

    /// The way of every RTP packet out.
    fn send_rtp(&mut self, to: SocketAddr, packet: &[u8], sink: &mut impl Sink) {
        let packet = match &mut self.srtp {
            None => Some(packet),
            Some(srtp) => srtp.seal_rtp(packet),
        };
        if let Some(packet) = packet {
            sink.send_rtp(self.id, to, packet);
        }
    }
}

/// `now` as an NTP timestamp: seconds since 1900 in the upper half, fractions in the lower.
fn ntp(config: &ShardConfig, now: Instant) -> u64 {
    let since = now.saturating_duration_since(config.epoch);
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    config
        .epoch_ntp
        .wrapping_add((since.as_secs() << 32) + fraction)
}
