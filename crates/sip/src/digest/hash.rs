//! The hashes of digest authentication: which algorithms exist, and how a response is computed.

use std::fmt;

use md5::Md5;
use sha2::{Digest, Sha256};

/// A digest algorithm as it stands in a challenge. Ordered by strength, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// `MD5`: what a challenge without `algorithm` means.
    Md5,
    /// `MD5-sess`: HA1 is bound to the nonce and the cnonce of the session.
    Md5Sess,
    /// `SHA-256` (RFC 8760).
    Sha256,
    /// `SHA-256-sess` (RFC 8760).
    Sha256Sess,
}

impl Algorithm {
    /// The algorithm named by a token, or `None` where it is none we can compute.
    pub fn parse(token: &str) -> Option<Self> {
        const NAMES: [Algorithm; 4] = [
            Algorithm::Md5,
            Algorithm::Md5Sess,
            Algorithm::Sha256,
            Algorithm::Sha256Sess,
        ];
        NAMES
            .into_iter()
            .find(|algorithm| algorithm.token().eq_ignore_ascii_case(token))
    }

    /// The token as it stands on the wire.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Md5Sess => "MD5-sess",
            Self::Sha256 => "SHA-256",
            Self::Sha256Sess => "SHA-256-sess",
        }
    }

    /// True where HA1 is hashed once more with nonce and cnonce (RFC 7616 §3.4.2).
    pub const fn is_session(self) -> bool {
        matches!(self, Self::Md5Sess | Self::Sha256Sess)
    }

    pub(super) fn hash(self, parts: &[&str]) -> String {
        match self {
            Self::Md5 | Self::Md5Sess => hash_joined::<Md5>(parts),
            Self::Sha256 | Self::Sha256Sess => hash_joined::<Sha256>(parts),
        }
    }

    const fn hex_len(self) -> usize {
        match self {
            Self::Md5 | Self::Md5Sess => 32,
            Self::Sha256 | Self::Sha256Sess => 64,
        }
    }
}

/// H(user:realm:password) in lower-case hex: what a server keeps instead of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Ha1 {
    algorithm: Algorithm,
    hex: String,
}

impl Ha1 {
    /// Compute it from a password, as a client does.
    pub fn from_password(
        algorithm: Algorithm,
        username: &str,
        realm: &str,
        password: &str,
    ) -> Self {
        Self {
            algorithm,
            hex: algorithm.hash(&[username, realm, password]),
        }
    }

    /// Take a stored one. `None` where it is not hex of the algorithm's length.
    pub fn from_hex(algorithm: Algorithm, hex: &str) -> Option<Self> {
        let valid = hex.len() == algorithm.hex_len() && hex.bytes().all(|b| b.is_ascii_hexdigit());
        valid.then(|| Self {
            algorithm,
            hex: hex.to_ascii_lowercase(),
        })
    }

    /// As it is stored.
    pub fn to_hex(&self) -> String {
        self.hex.clone()
    }

    /// The `response` value that proves knowledge of this HA1 (RFC 7616 §3.4.1).
    pub(super) fn response(&self, request: &Proof<'_>) -> String {
        let algorithm = request.algorithm;
        let ha2 = algorithm.hash(&[request.method, request.uri]);
        let session;
        let ha1 = if algorithm.is_session() {
            session = algorithm.hash(&[&self.hex, request.nonce, request.cnonce]);
            &session
        } else {
            &self.hex
        };
        match request.nc {
            Some(nc) => algorithm.hash(&[ha1, request.nonce, nc, request.cnonce, "auth", &ha2]),
            None => algorithm.hash(&[ha1, request.nonce, &ha2]), // RFC 2069 clients: no qop
        }
    }
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As good as the password itself: never in a log.
        write!(f, "Ha1({}, …)", self.algorithm.token())
    }
}

/// Everything but HA1 that goes into a response.
pub(super) struct Proof<'a> {
    pub algorithm: Algorithm,
    pub method: &'a str,
    pub uri: &'a str,
    pub nonce: &'a str,
    pub cnonce: &'a str,
    /// The nonce count as eight hex digits; `None` without qop.
    pub nc: Option<&'a str>,
}

/// Equal without saying by its run time where two values first differ.
pub(super) fn equal_in_constant_time(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |diff, (x, y)| diff | (x ^ y)) == 0
}

pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)] as char);
        text.push(DIGITS[usize::from(byte & 15)] as char);
    }
    text
}

fn hash_joined<D: Digest>(parts: &[&str]) -> String {
    let mut hasher = D::new();
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            hasher.update(b":");
        }
        hasher.update(part.as_bytes());
    }
    hex(&hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 2617 §3.5 (MD5, qop=auth).
    #[test]
    fn rfc_2617_example() {
        let ha1 = Ha1::from_password(
            Algorithm::Md5,
            "Mufasa",
            "testrealm@host.com",
            "Circle Of Life",
        );
        let response = ha1.response(&Proof {
            algorithm: Algorithm::Md5,
            method: "GET",
            uri: "/dir/index.html",
            nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            cnonce: "0a4f113b",
            nc: Some("00000001"),
        });
        assert_eq!(response, "6629fae49393a05397450978507c4ef1");
    }

    // RFC 7616 §3.9.1: the same request answered with SHA-256 and with MD5.
    #[test]
    fn rfc_7616_examples() {
        let cases = [
            (
                Algorithm::Sha256,
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
            (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
        ];
        for (algorithm, expected) in cases {
            let ha1 = Ha1::from_password(
                algorithm,
                "Mufasa",
                "http-auth@example.org",
                "Circle of Life",
            );
            let response = ha1.response(&Proof {
                algorithm,
                method: "GET",
                uri: "/dir/index.html",
                nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
                cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
                nc: Some("00000001"),
            });
            assert_eq!(response, expected, "{algorithm:?}");
        }
    }

    // RFC 2069 §2.4 as corrected by its errata: no qop, no cnonce.
    #[test]
    fn rfc_2069_example_without_qop() {
        let ha1 = Ha1::from_password(
            Algorithm::Md5,
            "Mufasa",
            "testrealm@host.com",
            "CircleOfLife",
        );
        let response = ha1.response(&Proof {
            algorithm: Algorithm::Md5,
            method: "GET",
            uri: "/dir/index.html",
            nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            cnonce: "",
            nc: None,
        });
        assert_eq!(response, "1949323746fe6a43ef61f9606e7febea");
    }

    #[test]
    fn stored_ha1_must_be_hex_of_the_right_length() {
        let good = "939E7578ED9E3C518A452ACEE763BCE9";
        assert_eq!(
            Ha1::from_hex(Algorithm::Md5, good),
            Some(Ha1::from_password(
                Algorithm::Md5,
                "Mufasa",
                "testrealm@host.com",
                "Circle Of Life"
            ))
        );
        assert_eq!(Ha1::from_hex(Algorithm::Sha256, good), None);
        assert_eq!(Ha1::from_hex(Algorithm::Md5, "xyz"), None);
        assert_eq!(Ha1::from_hex(Algorithm::Md5, &good.replace('9', "g")), None);
    }

    #[test]
    fn the_secret_is_not_in_its_debug_text() {
        let ha1 = Ha1::from_password(Algorithm::Md5, "a", "b", "c");
        assert!(!format!("{ha1:?}").contains(&ha1.hex));
    }
}
