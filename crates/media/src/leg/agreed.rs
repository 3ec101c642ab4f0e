//! What SDP agreed, in the form packets are judged by.

use std::net::SocketAddr;

use crate::clock::PER_MS;
use crate::config::{Codec, LegMedia};
use crate::play::Voice;

/// Comfort noise has this payload type without being agreed (RFC 3551 table 4).
const STATIC_COMFORT_NOISE: u8 = 13;

/// What a payload type carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Audio(Codec),
    Event,
    Noise,
}

#[derive(Debug)]
pub struct Agreed {
    pub media: LegMedia,
    kinds: [Option<Kind>; 128],
}

impl Agreed {
    pub fn new(media: LegMedia) -> Self {
        let mut kinds = [None; 128];
        let mut set = |payload_type: u8, kind| {
            if let Some(place) = kinds.get_mut(usize::from(payload_type)) {
                *place = Some(kind);
            }
        };
        set(STATIC_COMFORT_NOISE, Kind::Noise);
        set(media.payload_type, Kind::Audio(media.codec));
        for &(payload_type, codec) in &media.receive {
            set(payload_type, Kind::Audio(codec));
        }
        if let Some(payload_type) = media.comfort_noise {
            set(payload_type, Kind::Noise);
        }
        if let Some(payload_type) = media.receive_telephone_event.or(media.telephone_event) {
            set(payload_type, Kind::Event);
        }
        Self { media, kinds }
    }

    pub fn kind(&self, payload_type: u8) -> Option<Kind> {
        self.kinds.get(usize::from(payload_type)).copied().flatten()
    }

    /// The payload type under which this kind goes out, if it can.
    pub fn outgoing(&self, kind: Kind) -> Option<u8> {
        match kind {
            Kind::Audio(_) => Some(self.media.payload_type),
            Kind::Event => self.media.telephone_event,
            Kind::Noise => self.media.comfort_noise,
        }
    }

    /// Must keys be listened for in the audio?
    pub fn listens_inband(&self) -> bool {
        let events =
            self.media.telephone_event.is_some() || self.media.receive_telephone_event.is_some();
        self.media.direction.receives() && (self.media.inband_dtmf || !events)
    }

    pub fn voice(&self) -> Voice {
        Voice {
            codec: self.media.codec,
            packet: self.media.ptime_ms.clamp(10, 60) as usize * PER_MS as usize,
            events: self.media.telephone_event.is_some(),
        }
    }

    /// Is RTCP multiplexed onto the RTP port (RFC 5761)?
    pub fn is_muxed(&self) -> bool {
        self.media.remote_rtcp == Some(self.media.remote)
    }

    /// Where RTCP goes, when RTP goes to `target` and RTCP has come from `heard`.
    pub fn rtcp_target(&self, target: SocketAddr, heard: Option<SocketAddr>) -> Option<SocketAddr> {
        if self.is_muxed() {
            return Some(target);
        }
        if let Some(heard) = heard.filter(|_| self.media.symmetric) {
            return Some(heard);
        }
        let named = self.media.remote_rtcp.or_else(|| {
            let port = target.port().checked_add(1)?;
            Some(SocketAddr::new(target.ip(), port))
        });
        named.filter(|to| !to.ip().is_unspecified() && to.port() != 0)
    }
}
