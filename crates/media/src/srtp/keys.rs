//! Master keys as SDP carries them, and what a session derives from one (RFC 3711 §4.3).

use std::fmt;

use aes::Aes128;
use ctr::Ctr128BE;
use ctr::cipher::{InnerIvInit, KeyInit, StreamCipher};
use hmac::{Hmac, Mac};
use sha1::Sha1;

use super::TAG;

const SALT: usize = 14;
const MASTER: usize = 16 + SALT;
const MAC_KEY: usize = 20;

/// A master key and its salt: the 30 bytes behind `inline:` (RFC 4568 §6.1). Nothing shows them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SrtpKey([u8; MASTER]);

impl SrtpKey {
    /// 16 bytes of key, 14 of salt.
    #[must_use]
    pub const fn new(bytes: [u8; MASTER]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for SrtpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SrtpKey")
    }
}

/// The keys of both directions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SrtpKeys {
    /// For what we send.
    pub ours: SrtpKey,
    /// For what the peer sends; absent: nothing of it is taken.
    pub theirs: Option<SrtpKey>,
}

/// The derivation labels of RTP; those of RTCP are 3 above.
const CIPHER: u8 = 0;
const MAC: u8 = 1;
const SALTING: u8 = 2;

/// What one direction of one protocol is sealed with.
pub struct SessionKeys {
    cipher: Aes128,
    salt: [u8; SALT],
    mac: Hmac<Sha1>,
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKeys")
    }
}

impl SessionKeys {
    pub fn rtp(master: &SrtpKey) -> Self {
        Self::derive(master, 0)
    }

    pub fn rtcp(master: &SrtpKey) -> Self {
        Self::derive(master, 3)
    }

    fn derive(master: &SrtpKey, labels: u8) -> Self {
        let (mut cipher, mut salt, mut mac) = ([0; 16], [0; SALT], [0; MAC_KEY]);
        fill(master, labels + CIPHER, &mut cipher);
        fill(master, labels + SALTING, &mut salt);
        fill(master, labels + MAC, &mut mac);
        // Of a whole block's length, so that no length can be wrong.
        let mut block = [0; 64];
        for (to, from) in block.iter_mut().zip(mac) {
            *to = from;
        }
        Self {
            cipher: Aes128::new(&cipher.into()),
            salt,
            mac: Hmac::new(&block.into()),
        }
    }

    /// Encrypt or decrypt in place (§4.1.1); `index` is the packet's, 48 bits or 31.
    pub fn crypt(&self, ssrc: u32, index: u64, text: &mut [u8]) {
        let mut iv = [0; 16];
        let parts = [[0; 4], ssrc.to_be_bytes()].into_iter().flatten();
        let parts = parts.chain(index.to_be_bytes().into_iter().skip(2));
        for ((to, salt), part) in iv.iter_mut().zip(self.salt).zip(parts) {
            *to = salt ^ part;
        }
        keystream(&self.cipher, iv, text);
    }

    /// The tag over all parts, in their order (§4.2).
    pub fn tag(&self, parts: [&[u8]; 2]) -> [u8; TAG] {
        let whole = self.authenticate(parts).finalize().into_bytes();
        let mut tag = [0; TAG];
        for (to, from) in tag.iter_mut().zip(whole) {
            *to = from;
        }
        tag
    }

    /// In a time that tells nothing of where it differs.
    pub fn is_tag(&self, parts: [&[u8]; 2], tag: &[u8]) -> bool {
        tag.len() == TAG && self.authenticate(parts).verify_truncated_left(tag).is_ok()
    }

    fn authenticate(&self, parts: [&[u8]; 2]) -> Hmac<Sha1> {
        let mut mac = self.mac.clone();
        for part in parts {
            mac.update(part);
        }
        mac
    }
}

/// The pseudo-random function of §4.3.3, with a key derivation rate of 0.
fn fill(master: &SrtpKey, label: u8, out: &mut [u8]) {
    let [key @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _] = master.0;
    let mut iv = [0; 16];
    for (to, from) in iv.iter_mut().zip(master.0.iter().skip(16)) {
        *to = *from;
    }
    iv[7] ^= label;
    keystream(&Aes128::new(&key.into()), iv, out);
}

fn keystream(cipher: &Aes128, iv: [u8; 16], text: &mut [u8]) {
    let core = ctr::CtrCore::inner_iv_init(cipher, &iv.into());
    let mut stream: Ctr128BE<&Aes128> = Ctr128BE::from_core(core);
    // Fails beyond 2^128 blocks.
    let _ = stream.try_apply_keystream(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text
            .bytes()
            .filter_map(|b| (b as char).to_digit(16))
            .map(|d| d as u8)
            .collect();
        digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect()
    }

    /// RFC 3711 B.3.
    #[test]
    fn keys_are_derived_as_in_the_rfc() {
        let master = hex("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6");
        let master = SrtpKey::new(master.try_into().unwrap());
        let (mut cipher, mut salt, mut mac) = ([0; 16], [0; SALT], [0; 20]);
        fill(&master, CIPHER, &mut cipher);
        fill(&master, SALTING, &mut salt);
        fill(&master, MAC, &mut mac);
        assert_eq!(cipher.to_vec(), hex("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(salt.to_vec(), hex("30CBBC08863D8C85D49DB34A9AE1"));
        assert_eq!(
            mac.to_vec(),
            hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4")
        );
    }

    /// RFC 3711 B.2: the first blocks of a key stream.
    #[test]
    fn the_key_stream_is_that_of_the_rfc() {
        let key = hex("2B7E151628AED2A6ABF7158809CF4F3C");
        let key: [u8; 16] = key.try_into().unwrap();
        let iv = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000");
        let mut out = [0; 48];
        keystream(&Aes128::new(&key.into()), iv.try_into().unwrap(), &mut out);
        let expected = "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB \
                        41E95B3BB0A2E8DD477901E4FCA894C0";
        assert_eq!(out.to_vec(), hex(expected));
    }

    #[test]
    fn no_word_of_a_key_is_shown() {
        let key = SrtpKey::new([7; MASTER]);
        assert_eq!(format!("{key:?}"), "SrtpKey");
    }
}
