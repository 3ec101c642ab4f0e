//! What the peer sends, checked and decrypted in place (RFC 3711 §3.3, §3.4).

use super::index::Indices;
use super::seal::roll_over;
use super::{CLEAR_RTCP, INDEX, SessionKeys, SrtpKey, TAG};
use crate::rtp::{self, HEADER_LEN};

/// Sources of one peer whose indices are remembered: the one that is heard, and those before it.
const SOURCES: usize = 4;

#[derive(Debug)]
pub struct Opener {
    rtp: SessionKeys,
    rtcp: SessionKeys,
    heard: Sources,
    reports: Sources,
}

impl Opener {
    pub fn new(key: &SrtpKey) -> Self {
        Self {
            rtp: SessionKeys::rtp(key),
            rtcp: SessionKeys::rtcp(key),
            heard: Sources::default(),
            reports: Sources::default(),
        }
    }

    pub fn rtp<'a>(&mut self, packet: &'a mut [u8]) -> Option<&'a mut [u8]> {
        let (sealed, tag) = packet.split_at_mut_checked(packet.len().checked_sub(TAG)?)?;
        let start = rtp::payload_start(sealed).ok()?;
        let (&[_, _, high, low, _, _, _, _, ssrc @ ..], _) =
            sealed.split_first_chunk::<HEADER_LEN>()?;
        let ssrc = u32::from_be_bytes(ssrc);
        let indices = self.heard.of(ssrc);
        let index = indices.guess(u16::from_be_bytes([high, low]))?;
        if indices.is_spent(index) || !self.rtp.is_tag([sealed, &roll_over(index)], tag) {
            return None;
        }
        self.heard.note(ssrc, index);
        self.rtp.crypt(ssrc, index, sealed.get_mut(start..)?);
        Some(sealed)
    }

    pub fn rtcp<'a>(&mut self, compound: &'a mut [u8]) -> Option<&'a mut [u8]> {
        let (sealed, tag) = compound.split_at_mut_checked(compound.len().checked_sub(TAG)?)?;
        if !self.rtcp.is_tag([sealed, &[]], tag) {
            return None;
        }
        let (sealed, index) = sealed.split_at_mut_checked(sealed.len().checked_sub(INDEX)?)?;
        let index = u32::from_be_bytes(<[u8; INDEX]>::try_from(&*index).ok()?);
        let (is_encrypted, index) = (index >> 31 == 1, u64::from(index & 0x7FFF_FFFF));
        let (&[_, _, _, _, ssrc @ ..], _) = sealed.split_first_chunk::<CLEAR_RTCP>()?;
        let ssrc = u32::from_be_bytes(ssrc);
        if self.reports.of(ssrc).is_spent(index) {
            return None;
        }
        self.reports.note(ssrc, index);
        if is_encrypted {
            self.rtcp.crypt(ssrc, index, sealed.get_mut(CLEAR_RTCP..)?);
        }
        Some(sealed)
    }
}

/// Indices by source, the newest source first. Only a packet with a good tag makes a source.
#[derive(Debug, Default)]
struct Sources([Option<(u32, Indices)>; SOURCES]);

impl Sources {
    fn of(&self, ssrc: u32) -> Indices {
        let mut known = self.0.iter().flatten();
        known
            .find(|(known, _)| *known == ssrc)
            .map_or(Indices::default(), |(_, indices)| *indices)
    }

    fn note(&mut self, ssrc: u32, index: u64) {
        let place = |slot: &Option<(u32, Indices)>| slot.is_none_or(|(known, _)| known == ssrc);
        let at = self.0.iter().position(place).unwrap_or(SOURCES - 1);
        let mut indices = self.of(ssrc);
        indices.note(index);
        if let Some(slot) = self.0.get_mut(at) {
            *slot = Some((ssrc, indices));
        }
        if let Some(upto) = self.0.get_mut(..=at) {
            upto.rotate_right(1);
        }
    }
}
