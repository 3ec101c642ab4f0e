//! What goes out on a leg: the other party, prompts and keys, as one RTP stream. Its listeners hear
//! it before a beep is added.

use std::net::SocketAddr;
use std::time::Instant;

use super::agreed::Kind;
use super::copies::Said;
use super::talk::Speaker;
use super::{Heard, Leg, Scratch};
use crate::clock::step_up;
use crate::config::{Codec, Track};
use crate::dtmf::{Keys, Press};
use crate::event::MediaEvent;
use crate::ids::PlayId;
use crate::level::Energy;
use crate::play::Due;
use crate::rtp::{HEADER_LEN, Header, write_header};
use crate::sink::Sink;
use crate::timeline::Piece;
use crate::transcode::Audio;

/// A key passed on as a tone is held at least and at most this long.
const PASSED_ON_MS: std::ops::RangeInclusive<u32> = 60..=1000;
/// And followed by this much of nothing.
const PASSED_ON_GAP_MS: u32 = 60;

/// What a leg needs of audio that is relayed to it.
#[derive(Debug, Clone, Copy)]
pub struct Wants {
    pub codec: Codec,
    /// Somebody listens to what it is sent.
    pub tapped: bool,
}

impl Leg {
    /// What the other party's audio must be made into for this leg.
    pub fn wants(&self) -> Option<Wants> {
        let agreed = self.agreed.as_ref().filter(|_| !self.closed)?;
        Some(Wants {
            codec: agreed.media.codec,
            tapped: self.taps.hears(Track::Outbound),
        })
    }

    /// Send on what the other party said.
    pub fn relay(
        &mut self,
        now: Instant,
        heard: &Heard,
        datagram: &mut [u8],
        scratch: &mut Scratch,
        sink: &mut impl Sink,
    ) {
        let (Some(agreed), Some(lock)) = (&self.agreed, &self.lock) else {
            return;
        };
        if self.closed || !self.playlist.is_empty() || self.speaker.is_some() {
            return;
        }
        let outgoing = agreed.outgoing(heard.kind).zip(lock.target());
        let sends = agreed.media.direction.sends();
        let Some((payload_type, to)) = outgoing.filter(|_| sends) else {
            // What is left out leaves no gap in our numbers.
            self.out.break_off();
            return;
        };
        let codec = agreed.media.codec;
        let packet = &heard.packet;
        let Some(header) = self
            .out
            .relay(now, &packet.header, heard.fresh, payload_type)
        else {
            return;
        };
        let Kind::Audio(heard_codec) = heard.kind else {
            if let (Kind::Event, Some(beeps)) = (heard.kind, &mut self.beeps) {
                beeps.wait(now);
            }
            self.taps.note(Track::Outbound, header.sequence);
            self.send_in_place(to, &header, datagram, packet.start, packet.end, sink);
            return;
        };
        let audio = scratch
            .decoded
            .audio(heard_codec, packet.payload(datagram), heard.decoded);
        if self.taps.hears(Track::Outbound) {
            self.tap_outbound(now, &header, &audio, &mut scratch.said, sink);
        }
        if heard_codec == codec {
            if let (Some(beeps), Some(payload)) =
                (&mut self.beeps, datagram.get_mut(packet.start..packet.end))
            {
                beeps.add(now, codec, header.timestamp, payload);
            }
            self.send_in_place(to, &header, datagram, packet.start, packet.end, sink);
        } else {
            let Some((head, body)) = scratch.out.split_first_chunk_mut::<HEADER_LEN>() else {
                return;
            };
            let Some(length) = self.mouth.encode(codec, &audio, body).map(<[u8]>::len) else {
                return;
            };
            if let (Some(beeps), Some(payload)) = (&mut self.beeps, body.get_mut(..length)) {
                beeps.add(now, codec, header.timestamp, payload);
            }
            write_header(head, &header);
            let packet = scratch.out.get(..HEADER_LEN + length).unwrap_or_default();
            self.send_rtp(to, packet, sink);
            self.out.count(length);
        }
        if let Some(energy) = heard.energy {
            self.meters[Track::Outbound as usize].add(energy);
        }
    }

    /// The header goes right before the payload, over what was the old one.
    fn send_in_place(
        &mut self,
        to: SocketAddr,
        header: &Header,
        datagram: &mut [u8],
        start: usize,
        end: usize,
        sink: &mut impl Sink,
    ) {
        let Some(ours) = datagram.get_mut(start - HEADER_LEN..end) else {
            return;
        };
        if let Some((head, _)) = ours.split_first_chunk_mut::<HEADER_LEN>() {
            write_header(head, header);
        }
        self.send_rtp(to, ours, sink);
        self.out.count(end - start);
    }

    fn tap_outbound(
        &mut self,
        now: Instant,
        header: &Header,
        audio: &Audio<'_>,
        said: &mut Vec<Said>,
        sink: &mut impl Sink,
    ) {
        if let Some(ulaw) = audio.ulaw {
            let piece = Piece {
                sequence: header.sequence,
                timestamp: header.timestamp,
                audio: ulaw,
            };
            self.taps.push(now, Track::Outbound, piece, said, sink);
        }
    }

    /// The bridge ended.
    pub fn unbridged(&mut self) {
        self.peer = None;
        if self.playlist.is_empty() && self.speaker.is_none() {
            self.pause_sending();
        }
    }

    pub(super) fn pause_sending(&mut self) {
        self.out.break_off();
        self.taps.source_ended(Track::Outbound);
    }

    pub fn play(
        &mut self,
        now: Instant,
        play: PlayId,
        order: impl FnOnce(&mut crate::play::Playlist) -> bool,
        sink: &mut impl Sink,
    ) {
        if self.closed || !order(&mut self.playlist) {
            sink.event(MediaEvent::PlayEnded {
                leg: self.id,
                play,
                completed: !self.closed,
            });
            return;
        }
        self.wake(now);
    }

    pub fn stop_play(&mut self, sink: &mut impl Sink) {
        let was_playing = !self.playlist.is_empty();
        for play in self.playlist.stop() {
            sink.event(MediaEvent::PlayEnded {
                leg: self.id,
                play,
                completed: false,
            });
        }
        if was_playing {
            self.fall_silent();
        }
    }

    /// The other party pressed a key; this leg has no events, so it hears a tone.
    pub fn pass_on(&mut self, now: Instant, press: Press) {
        let lacks_events = self
            .agreed
            .as_ref()
            .is_some_and(|agreed| agreed.media.telephone_event.is_none());
        // Where a far end speaks, the other party is not heard, nor are its keys later.
        if lacks_events && !self.closed && self.speaker.is_none() {
            let held = press
                .duration_ms
                .clamp(*PASSED_ON_MS.start(), *PASSED_ON_MS.end());
            let name = press.digit.char();
            let keys = Keys::new(name.encode_utf8(&mut [0; 4]), held, PASSED_ON_GAP_MS);
            self.playlist.pass_on(keys);
            self.wake(now);
        }
    }

    /// Begin what is queued, once it is known how to speak.
    pub(super) fn wake(&mut self, now: Instant) {
        if self.agreed.is_none() {
            // Whoever was there was exchanged for nobody.
            self.playlist.sleep();
            return self.speaker.iter_mut().for_each(Speaker::sleep);
        }
        let first = step_up(self.config.epoch, now);
        match &mut self.speaker {
            Some(speaker) => speaker.wake(first),
            None => self.playlist.wake(first),
        }
    }

    /// Send what is due of prompts and keys.
    pub(super) fn play_due(&mut self, now: Instant, scratch: &mut Scratch, sink: &mut impl Sink) {
        if self.playlist.due().is_none_or(|due| due > now) {
            return;
        }
        let Some(voice) = self.agreed.as_ref().map(super::Agreed::voice) else {
            return;
        };
        let leg = self.id;
        loop {
            let step = self.playlist.step(now, voice, &mut scratch.play, |play| {
                sink.event(MediaEvent::PlayEnded {
                    leg,
                    play,
                    completed: true,
                });
            });
            let Some(due) = step else {
                break;
            };
            self.send_due(now, due, scratch, sink);
        }
        if self.playlist.is_empty() {
            self.playlist.sleep();
            self.fall_silent();
        }
    }

    /// What we sent by ourselves is over.
    pub(super) fn fall_silent(&mut self) {
        if self.speaker.is_some() {
            return;
        }
        self.out.break_off();
        if self.peer.is_none() {
            self.taps.source_ended(Track::Outbound);
        }
    }

    pub(super) fn send_due(
        &mut self,
        now: Instant,
        due: Due,
        scratch: &mut Scratch,
        sink: &mut impl Sink,
    ) {
        let (Some(agreed), Some(lock)) = (&self.agreed, &self.lock) else {
            return;
        };
        let Some(to) = lock.target().filter(|_| agreed.media.direction.sends()) else {
            self.out.break_off();
            return;
        };
        let (codec, event_type) = (agreed.media.codec, agreed.media.telephone_event);
        let Some((head, body)) = scratch.out.split_first_chunk_mut::<HEADER_LEN>() else {
            return;
        };
        let (length, follows, encoded) = match due {
            Due::Pause => return,
            Due::Event { payload, first } => {
                let Some(event_type) = event_type else {
                    return;
                };
                let header = self.out.own_event(now, event_type, first);
                write_header(head, &header);
                if let Some((start, _)) = body.split_first_chunk_mut::<4>() {
                    *start = payload;
                }
                let packet = scratch.out.get(..HEADER_LEN + 4).unwrap_or_default();
                self.send_rtp(to, packet, sink);
                self.out.count(4);
                self.taps.note(Track::Outbound, header.sequence);
                return;
            }
            Due::Audio { length, follows } => (length, follows, true),
            Due::Tone { length, follows } => (length, follows, false),
        };
        let ulaw = scratch.play.ulaw.get(..length).unwrap_or_default();
        if encoded {
            let payload = scratch.play.payload.get(..length).unwrap_or_default();
            if let Some(to) = body.get_mut(..length) {
                to.copy_from_slice(payload);
            }
        } else {
            let audio = Audio {
                codec: Codec::Pcmu,
                payload: ulaw,
                ulaw: Some(ulaw),
                narrow: None,
            };
            self.mouth.encode(codec, &audio, body);
        }
        let Some(header) = self.send_own(now, to, length, follows, &mut scratch.out, sink) else {
            return;
        };
        if let Some(energy) = Energy::of(Codec::Pcmu, ulaw) {
            self.meters[Track::Outbound as usize].add(energy);
        }
        let piece = Piece {
            sequence: header.sequence,
            timestamp: header.timestamp,
            audio: ulaw,
        };
        self.taps
            .push(now, Track::Outbound, piece, &mut scratch.said, sink);
    }

    /// Send a packet of our own audio: `length` bytes that stand behind the place of the header.
    pub(super) fn send_own(
        &mut self,
        now: Instant,
        to: SocketAddr,
        length: usize,
        follows: bool,
        packet: &mut [u8],
        sink: &mut impl Sink,
    ) -> Option<Header> {
        let media = &self.agreed.as_ref()?.media;
        let (codec, payload_type) = (media.codec, media.payload_type);
        let packet = packet.get_mut(..HEADER_LEN + length)?;
        let header = self
            .out
            .own_audio(now, payload_type, length as u32, follows);
        let (head, body) = packet.split_first_chunk_mut::<HEADER_LEN>()?;
        if let Some(beeps) = &mut self.beeps {
            beeps.add(now, codec, header.timestamp, body);
        }
        write_header(head, &header);
        self.send_rtp(to, packet, sink);
        self.out.count(length);
        Some(header)
    }
}
