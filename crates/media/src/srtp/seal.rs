//! What we send, encrypted and with its tag (RFC 3711 §3.3, §3.4).

use super::index::Indices;
use super::{CLEAR_RTCP, INDEX, SessionKeys, SrtpKey, TAG};
use crate::rtp::HEADER_LEN;

/// Of an ordinary packet; a longer one makes it grow, once.
const ROOM: usize = 512;

#[derive(Debug)]
pub struct Sealer {
    rtp: SessionKeys,
    rtcp: SessionKeys,
    sent: Indices,
    /// Compounds sent.
    reports: u32,
    sealed: Vec<u8>,
}

impl Sealer {
    pub fn new(key: &SrtpKey) -> Self {
        Self {
            rtp: SessionKeys::rtp(key),
            rtcp: SessionKeys::rtcp(key),
            sent: Indices::default(),
            reports: 0,
            sealed: Vec::with_capacity(ROOM),
        }
    }

    /// Seal a packet of ours, whose header has no CSRC list and no extension.
    pub fn rtp(&mut self, packet: &[u8]) -> Option<&[u8]> {
        let (&[_, _, high, low, _, _, _, _, ssrc @ ..], _) =
            packet.split_first_chunk::<HEADER_LEN>()?;
        let index = self.sent.guess(u16::from_be_bytes([high, low]))?;
        self.sent.note(index);
        self.sealed.clear();
        self.sealed.extend_from_slice(packet);
        let payload = self.sealed.get_mut(HEADER_LEN..)?;
        self.rtp.crypt(u32::from_be_bytes(ssrc), index, payload);
        let tag = self.rtp.tag([&self.sealed, &roll_over(index)]);
        self.sealed.extend_from_slice(&tag);
        Some(&self.sealed)
    }

    pub fn rtcp(&mut self, compound: &[u8]) -> Option<&[u8]> {
        let (&[_, _, _, _, ssrc @ ..], _) = compound.split_first_chunk::<CLEAR_RTCP>()?;
        let index = self.reports & 0x7FFF_FFFF;
        self.reports = index + 1;
        self.sealed.clear();
        self.sealed.extend_from_slice(compound);
        let rest = self.sealed.get_mut(CLEAR_RTCP..)?;
        self.rtcp
            .crypt(u32::from_be_bytes(ssrc), index.into(), rest);
        self.sealed
            .extend_from_slice(&(index | 0x8000_0000).to_be_bytes());
        let tag = self.rtcp.tag([&self.sealed, &[]]);
        self.sealed.extend_from_slice(&tag);
        debug_assert_eq!(self.sealed.len(), compound.len() + INDEX + TAG);
        Some(&self.sealed)
    }
}

/// The upper 32 bits of an index, which the tag covers too.
pub fn roll_over(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}
