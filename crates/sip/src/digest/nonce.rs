//! Nonces that carry their own proof, and the bounded memory of which were used.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use sha2::{Digest, Sha256};

use super::hash::{equal_in_constant_time, hex};

/// Issue time and a serial number, signed together with the source it was given to. Nothing is
/// kept per nonce until it is used, so a flood of unanswered challenges costs no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nonce {
    pub issued_ms: u64,
    pub serial: u64,
}

const TIME_HEX: usize = 12;
const SERIAL_HEX: usize = 12;
const MAC_HEX: usize = 32;

impl Nonce {
    pub(super) fn render(self, secret: &[u8; 32], source: IpAddr) -> String {
        let mut text = format!(
            "{:012x}{:012x}",
            self.issued_ms & 0xffff_ffff_ffff,
            self.serial & 0xffff_ffff_ffff
        );
        let mac = sign(secret, &text, source);
        text.push_str(&mac);
        text
    }

    /// `None` where we did not make it, or made it for another source.
    pub(super) fn check(text: &str, secret: &[u8; 32], source: IpAddr) -> Option<Self> {
        let is_ours = text.len() == TIME_HEX + SERIAL_HEX + MAC_HEX
            && text.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_ours {
            return None;
        }
        let (plain, mac) = text.split_at(TIME_HEX + SERIAL_HEX);
        if !equal_in_constant_time(sign(secret, plain, source).as_bytes(), mac.as_bytes()) {
            return None;
        }
        let (time, serial) = plain.split_at(TIME_HEX);
        Some(Self {
            issued_ms: u64::from_str_radix(time, 16).ok()?,
            serial: u64::from_str_radix(serial, 16).ok()?,
        })
    }
}

/// HMAC-SHA-256 (RFC 2104), cut to 128 bits. The source is signed too: nobody can get another
/// address blocked by answering wrongly in its name.
fn sign(secret: &[u8; 32], text: &str, source: IpAddr) -> String {
    let pad = |byte: u8| {
        let mut block = [byte; 64];
        block.iter_mut().zip(secret).for_each(|(b, s)| *b ^= s);
        block
    };
    let mut inner = Sha256::new();
    inner.update(pad(0x36));
    inner.update(text.as_bytes());
    match source {
        IpAddr::V4(v4) => inner.update(v4.octets()),
        IpAddr::V6(v6) => inner.update(v6.octets()),
    }
    let mut outer = Sha256::new();
    outer.update(pad(0x5c));
    outer.update(inner.finalize());
    let mut mac = hex(&outer.finalize());
    mac.truncate(MAC_HEX);
    mac
}

/// Which nonce counts were seen: 64 per nonce (a sliding window as in RFC 4303 §3.4.3), and at
/// most `capacity` nonces. When full the oldest goes, and every nonce not issued after it is
/// from then on stale: forgetting can never let a replay through.
pub(super) struct Replay {
    windows: HashMap<u64, Window>,
    order: VecDeque<u64>,
    capacity: usize,
    forgotten: Option<u64>,
}

struct Window {
    highest: u32,
    seen: u64,
}

impl Replay {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            windows: HashMap::new(),
            order: VecDeque::new(),
            capacity: capacity.max(1),
            forgotten: None,
        }
    }

    /// True the first time a nonce comes with this count.
    pub(super) fn first_use(&mut self, nonce: Nonce, nc: u32) -> bool {
        if let Some(window) = self.windows.get_mut(&nonce.serial) {
            return window.first_use(nc);
        }
        if self.forgotten.is_some_and(|serial| nonce.serial <= serial) {
            return false;
        }
        if self.windows.len() >= self.capacity {
            self.forget_oldest();
        }
        self.windows.insert(
            nonce.serial,
            Window {
                highest: nc,
                seen: 1,
            },
        );
        self.order.push_back(nonce.serial);
        true
    }

    fn forget_oldest(&mut self) {
        if let Some(serial) = self.order.pop_front() {
            self.windows.remove(&serial);
            self.forgotten = self.forgotten.max(Some(serial));
        }
    }
}

impl Window {
    fn first_use(&mut self, nc: u32) -> bool {
        if nc > self.highest {
            let shift = nc - self.highest;
            self.seen = if shift < 64 {
                self.seen << shift | 1
            } else {
                1
            };
            self.highest = nc;
            return true;
        }
        let age = self.highest - nc;
        if age >= 64 || self.seen >> age & 1 == 1 {
            return false;
        }
        self.seen |= 1 << age;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    // RFC 4231 test case 2 cannot be used (our key is 32 bytes long), so the construction is
    // checked against `printf … | openssl dgst -sha256 -mac HMAC -macopt hexkey:0b…0b`.
    #[test]
    fn the_signature_is_hmac_sha_256() {
        assert_eq!(
            sign(&[0x0b; 32], "Hi There", HERE),
            "135fb7b1d78db2762b7fdf6f35058e0d"
        );
    }

    #[test]
    fn only_our_own_nonce_from_the_same_source_passes() {
        let secret = [7; 32];
        let nonce = Nonce {
            issued_ms: 123_456,
            serial: 42,
        };
        let text = nonce.render(&secret, HERE);
        assert_eq!(Nonce::check(&text, &secret, HERE), Some(nonce));
        assert_eq!(Nonce::check(&text, &secret, THERE), None);
        assert_eq!(Nonce::check(&text, &[8; 32], HERE), None);
        for at in 0..text.len() {
            let mut forged = text.clone().into_bytes();
            forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(
                Nonce::check(&String::from_utf8(forged).unwrap(), &secret, HERE),
                None,
                "byte {at}"
            );
        }
    }

    #[test]
    fn a_forgotten_nonce_counts_as_used() {
        let mut replay = Replay::new(2);
        let nonce = |serial| Nonce {
            issued_ms: 0,
            serial,
        };
        for serial in 1..=3 {
            assert!(replay.first_use(nonce(serial), 1));
        }
        assert!(
            !replay.first_use(nonce(1), 2),
            "1 was forgotten when 3 came"
        );
        assert!(replay.first_use(nonce(2), 2));
        assert!(replay.first_use(nonce(4), 1));
        assert_eq!(replay.windows.len(), 2);
    }

    proptest! {
        #[test]
        fn no_count_passes_twice(counts in proptest::collection::vec(0u32..200, 1..200)) {
            let mut replay = Replay::new(4);
            let mut passed = HashSet::new();
            for nc in counts {
                if replay.first_use(Nonce { issued_ms: 0, serial: 9 }, nc) {
                    prop_assert!(passed.insert(nc), "{} passed twice", nc);
                }
            }
        }
    }
}
