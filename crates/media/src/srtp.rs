//! Secure RTP (RFC 3711) under keys from the session description (RFC 4568), in the one profile that
//! everybody speaks: `AES_CM_128_HMAC_SHA1_80`.
//!
//! No key derivation rate, no MKI. A leg seals with our key and opens with the peer's.

mod index;
mod keys;
mod open;
mod seal;

use self::keys::SessionKeys;
pub use self::keys::{SrtpKey, SrtpKeys};
use self::open::Opener;
use self::seal::Sealer;

/// Of the authentication tag, in bytes: 80 bits, for RTP and RTCP alike.
const TAG: usize = 10;
/// Of the index and its E bit before an SRTCP tag.
const INDEX: usize = 4;
/// What SRTCP leaves readable: the first header and SSRC of the compound (§3.4).
const CLEAR_RTCP: usize = 8;

/// Both directions of one leg.
#[derive(Debug)]
pub struct Srtp {
    keys: SrtpKeys,
    sealer: Sealer,
    opener: Option<Opener>,
}

impl Srtp {
    /// What to use from now on. A direction whose key stays goes on where it is: the same key must
    /// never begin a second time (§9.1).
    pub fn renew(before: Option<Box<Self>>, keys: Option<&SrtpKeys>) -> Option<Box<Self>> {
        let keys = keys?.clone();
        let Some(mut srtp) = before else {
            return Some(Box::new(Self {
                sealer: Sealer::new(&keys.ours),
                opener: keys.theirs.as_ref().map(Opener::new),
                keys,
            }));
        };
        if srtp.keys.ours != keys.ours {
            srtp.sealer = Sealer::new(&keys.ours);
        }
        if srtp.keys.theirs != keys.theirs {
            srtp.opener = keys.theirs.as_ref().map(Opener::new);
        }
        srtp.keys = keys;
        Some(srtp)
    }

    /// The packet as it goes out. `None`: older than the first of this stream.
    pub fn seal_rtp(&mut self, packet: &[u8]) -> Option<&[u8]> {
        self.sealer.rtp(packet)
    }

    /// The compound as it goes out.
    pub fn seal_rtcp(&mut self, compound: &[u8]) -> Option<&[u8]> {
        self.sealer.rtcp(compound)
    }

    /// The packet as the peer made it, in its place. `None`: not made with its key, or repeated.
    pub fn open_rtp<'a>(&mut self, packet: &'a mut [u8]) -> Option<&'a mut [u8]> {
        self.opener.as_mut()?.rtp(packet)
    }

    /// The same for a compound.
    pub fn open_rtcp<'a>(&mut self, compound: &'a mut [u8]) -> Option<&'a mut [u8]> {
        self.opener.as_mut()?.rtcp(compound)
    }
}

#[cfg(test)]
mod tests;
