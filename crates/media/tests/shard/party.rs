//! Parties: who they are, and the RTP they speak.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bridgetap_media::{Codec, LegId, Prompt};

use crate::world::{address, ms, payload_type};

/// Whole periods of every tone used here.
const VOICE_PERIOD: usize = 16_000;

/// A party that speaks one tone into a leg.
#[derive(Clone)]
pub struct Party {
    pub leg: LegId,
    pub address: SocketAddr,
    pub codec: Codec,
    pub ssrc: u32,
    pub sequence: u16,
    pub timestamp: u32,
    pub ptime: u64,
    /// When in each 20 ms it sends.
    pub phase: Duration,
    pub due: Duration,
    spoken: u64,
    voice: Arc<Prompt>,
}

impl Party {
    pub fn new(leg: LegId, codec: Codec, hz: f64) -> Self {
        Self {
            leg,
            address: address(4000 + 2 * leg.0 as u16),
            codec,
            ssrc: 0xA000 + leg.0 as u32,
            sequence: 1000 * leg.0 as u16,
            timestamp: 777 * leg.0 as u32,
            ptime: 20,
            phase: ms(3 + 5 * leg.0 % 17),
            due: Duration::ZERO,
            spoken: 0,
            voice: prompt(hz, ms(VOICE_PERIOD as u64 / 8 + 60)),
        }
    }

    pub fn packet(&mut self) -> (LegId, SocketAddr, Vec<u8>) {
        let samples = self.ptime * 8;
        let voice = self.voice.encoded(self.codec);
        let start = self.spoken as usize % VOICE_PERIOD;
        let packet = rtp(
            payload_type(self.codec),
            self.sequence,
            self.timestamp,
            self.ssrc,
            &voice[start..start + samples as usize],
        );
        self.spoken += samples;
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(samples as u32);
        self.due += ms(self.ptime);
        (self.leg, self.address, packet)
    }

    /// Be silent, its clock going on, without sending anything.
    pub fn pause(&mut self, time: Duration) {
        self.timestamp = self.timestamp.wrapping_add(time.as_millis() as u32 * 8);
    }
}

pub fn rtp(payload_type: u8, sequence: u16, timestamp: u32, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

/// A prompt of one tone.
pub fn prompt(hz: f64, time: Duration) -> Arc<Prompt> {
    let count = time.as_millis() as usize * 8;
    let pcm: Vec<u8> = (0..count)
        .map(|n| (8000.0 * (n as f64 / 8000.0 * hz * std::f64::consts::TAU).sin()) as i16)
        .flat_map(i16::to_le_bytes)
        .collect();
    Arc::new(Prompt::from_pcm(&pcm, 8000).unwrap())
}
