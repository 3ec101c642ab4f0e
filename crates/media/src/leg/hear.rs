//! What comes in on a leg: judged, counted, heard by its own listeners, and offered to its peer.

use std::net::SocketAddr;
use std::time::Instant;

use super::agreed::Kind;
use super::speak::Wants;
use super::taps::Taps;
use super::{Leg, Scratch};
use crate::config::{Codec, Track};
use crate::dtmf::Press;
use crate::event::MediaEvent;
use crate::ids::LegId;
use crate::level::Energy;
use crate::reception::Arrival;
use crate::rtp::{self, Packet};
use crate::seq::Timestamp;
use crate::sink::Sink;
use crate::source_lock::Verdict;
use crate::timeline::Piece;
use crate::transcode::MAX_AUDIO;

/// Packets decoded each second where nobody but the level meter needs them, and how many of them
/// do not count yet.
const PROBE: u8 = 12;
const WARM_UP: u8 = 6;

/// A packet fit to be relayed.
#[derive(Debug, Clone, Copy)]
pub struct Heard {
    pub packet: Packet,
    pub kind: Kind,
    /// The source's numbering starts over.
    pub fresh: bool,
    /// The scratch room holds it decoded.
    pub decoded: bool,
    pub energy: Option<Energy>,
}

impl Leg {
    /// A datagram as the peer made it before it was sealed; `None` when it was sealed by somebody else.
    pub fn open<'a>(&mut self, datagram: &'a mut [u8]) -> Option<&'a mut [u8]> {
        let Some(srtp) = &mut self.srtp else {
            return Some(datagram);
        };
        let opened = if rtp::is_rtcp(datagram) {
            srtp.open_rtcp(datagram)
        } else {
            srtp.open_rtp(datagram)
        };
        self.malformed += u64::from(opened.is_none());
        opened
    }

    /// A datagram on the RTP port. `peer`: of the leg it is relayed to.
    pub fn receive_rtp(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &[u8],
        peer: Option<Wants>,
        scratch: &mut Scratch,
        sink: &mut impl Sink,
    ) -> Option<Heard> {
        if self.closed {
            return None;
        }
        let (agreed, lock) = (self.agreed.as_ref()?, self.lock.as_mut()?);
        if rtp::is_rtcp(datagram) {
            self.receive_rtcp(now, from, datagram);
            return None;
        }
        let parsed = rtp::parse(datagram).ok();
        let kinds =
            parsed.and_then(|packet| Some((packet, agreed.kind(packet.header.payload_type)?)));
        let Some((packet, kind)) =
            kinds.filter(|(packet, _)| packet.end - packet.start <= MAX_AUDIO)
        else {
            self.malformed += 1;
            return None;
        };
        let receives = agreed.media.direction.receives();
        let header = &packet.header;
        if lock.judge(now, from, header.ssrc, header.sequence) == Verdict::Refused {
            self.refused += 1;
            return None;
        }
        if receives {
            self.silent_since = Some(now);
        }
        let payload = packet.payload(datagram);
        let arrival = self
            .reception
            .receive(now, self.config.epoch, header, payload.len());
        let fresh = arrival == Arrival::First;
        match arrival {
            Arrival::Duplicate | Arrival::Stray => return None,
            Arrival::First => self.source_changed(now, sink),
            Arrival::Next { .. } | Arrival::Reordered => {}
        }
        if !receives {
            return None;
        }
        let mut heard = Heard {
            packet,
            kind,
            fresh,
            decoded: false,
            energy: None,
        };
        match kind {
            Kind::Audio(codec) => {
                self.hear_audio(now, codec, payload, peer, &mut heard, scratch, sink)
            }
            Kind::Noise => self.taps.note(Track::Inbound, header.sequence),
            Kind::Event => {
                self.taps.note(Track::Inbound, header.sequence);
                self.hear_event(now, header.timestamp, payload, sink);
            }
        }
        Some(heard)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one packet's worth of context, used once"
    )]
    fn hear_audio(
        &mut self,
        now: Instant,
        codec: Codec,
        payload: &[u8],
        peer: Option<Wants>,
        heard: &mut Heard,
        scratch: &mut Scratch,
        sink: &mut impl Sink,
    ) {
        let meter = &mut self.meters[Track::Inbound as usize];
        let tapped = self.taps.hears(Track::Inbound);
        // G.722 tells its level only when decoded: a few packets each second will do.
        let probe = codec == Codec::G722 && self.probed < PROBE;
        let wanted = peer.is_some_and(|peer| peer.tapped || peer.codec != codec);
        if tapped || wanted || probe {
            self.ear.decode(codec, payload, &mut scratch.decoded);
            heard.decoded = true;
        } else {
            self.ear.miss();
        }
        let audio = scratch.decoded.audio(codec, payload, heard.decoded);
        self.probed = self.probed.saturating_add(1);
        heard.energy = match codec {
            // The decoder takes a while to find into a stream.
            Codec::G722 if self.probed <= WARM_UP => None,
            Codec::G722 => audio.ulaw.and_then(|ulaw| Energy::of(Codec::Pcmu, ulaw)),
            _ => Energy::of(codec, payload),
        };
        if let Some(energy) = heard.energy {
            meter.add(energy);
        }
        if let Some(ulaw) = audio.ulaw.filter(|_| tapped) {
            let header = &heard.packet.header;
            let piece = Piece {
                sequence: header.sequence,
                timestamp: header.timestamp,
                audio: ulaw,
            };
            self.taps
                .push(now, Track::Inbound, piece, &mut scratch.said, sink);
        }
    }

    fn hear_event(
        &mut self,
        now: Instant,
        timestamp: Timestamp,
        payload: &[u8],
        sink: &mut impl Sink,
    ) {
        self.taps.heard_event();
        let mut hearers = Hearers::of(self.id, now, &mut self.for_peer, &mut self.taps);
        let result = self.keys.receive(now, timestamp, payload, &mut |press| {
            hearers.tell(press, sink)
        });
        if result.is_err() {
            self.malformed += 1;
        }
    }

    /// A key whose end never came is over.
    pub(super) fn finish_keys(&mut self, now: Instant, sink: &mut impl Sink) {
        let mut hearers = Hearers::of(self.id, now, &mut self.for_peer, &mut self.taps);
        self.keys
            .handle_timeout(now, &mut |press| hearers.tell(press, sink));
    }

    fn source_changed(&mut self, now: Instant, sink: &mut impl Sink) {
        self.taps.source_changed(Track::Inbound);
        self.ear.miss();
        let mut hearers = Hearers::of(self.id, now, &mut self.for_peer, &mut self.taps);
        self.keys.reset(&mut |press| hearers.tell(press, sink));
    }

    /// A datagram on the RTCP port, or multiplexed.
    pub fn receive_rtcp(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        let Some(lock) = self.lock.as_ref().filter(|_| !self.closed) else {
            return;
        };
        if !lock.knows(from) {
            self.refused += 1;
        } else if self.reports.receive(now, from, datagram).is_err() {
            self.malformed += 1;
        }
    }
}

/// Whoever is told of a key that came as an event.
struct Hearers<'a> {
    leg: LegId,
    now: Instant,
    for_peer: &'a mut Vec<Press>,
    taps: &'a mut Taps,
}

impl<'a> Hearers<'a> {
    fn of(leg: LegId, now: Instant, for_peer: &'a mut Vec<Press>, taps: &'a mut Taps) -> Self {
        Self {
            leg,
            now,
            for_peer,
            taps,
        }
    }

    fn tell(&mut self, press: Press, sink: &mut impl Sink) {
        let digit = press.digit.char();
        self.for_peer.push(press);
        sink.event(MediaEvent::DtmfPressed {
            leg: self.leg,
            digit,
            duration_ms: press.duration_ms,
            inband: false,
        });
        self.taps.pressed(self.now, digit, sink);
    }
}
