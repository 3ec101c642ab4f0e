//! Values that are mostly a number: CSeq, RAck, Session-Expires.

use std::fmt;

use super::{Invalid, Params};
use crate::headers::is_token;
use crate::method::Method;

/// `314159 INVITE`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CSeq {
    /// Below 2³¹ (RFC 3261 §8.1.1.5).
    pub number: u32,
    /// The method of the request it belongs to.
    pub method: Method,
}

impl CSeq {
    /// Parse one.
    pub fn parse(text: &str) -> Result<CSeq, Invalid> {
        let mut parts = text.split_ascii_whitespace();
        let (Some(digits), Some(method), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Invalid::new("CSeq", "not a number and a method"));
        };
        if !is_token(method) {
            return Err(Invalid::new("CSeq", "method is no token"));
        }
        let number = number(digits).filter(|n| *n < 1 << 31);
        let number = number.ok_or(Invalid::new("CSeq", "number is not below 2^31"))?;
        Ok(CSeq {
            number,
            method: Method::new(method),
        })
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}

/// `776656 1 INVITE` (RFC 3262 §7.2)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RAck {
    /// The RSeq that is acknowledged.
    pub rseq: u32,
    /// The CSeq of the response that carried it.
    pub cseq: CSeq,
}

impl RAck {
    /// Parse one.
    pub fn parse(text: &str) -> Result<RAck, Invalid> {
        let (rseq, rest) = text
            .trim()
            .split_once(|c: char| c.is_ascii_whitespace())
            .ok_or(Invalid::new("RAck", "too short"))?;
        let rseq = number(rseq).ok_or(Invalid::new("RAck", "number is not below 2^32"))?;
        Ok(RAck {
            rseq,
            cseq: CSeq::parse(rest)?,
        })
    }
}

impl fmt::Display for RAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.rseq, self.cseq)
    }
}

/// `1800;refresher=uac` (RFC 4028 §4)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    /// The session interval.
    pub seconds: u32,
    /// Who refreshes: `Some(true)` the UAC of this transaction, `Some(false)` its UAS.
    pub refresher_is_uac: Option<bool>,
}

impl SessionExpires {
    /// Parse one.
    pub fn parse(text: &str) -> Result<SessionExpires, Invalid> {
        let (digits, params) = text.split_once(';').unwrap_or((text, ""));
        let seconds =
            number(digits.trim()).ok_or(Invalid::new("Session-Expires", "no number of seconds"))?;
        let refresher_is_uac = match Params::parse(params).get("refresher") {
            Some(who) if who.eq_ignore_ascii_case("uac") => Some(true),
            Some(who) if who.eq_ignore_ascii_case("uas") => Some(false),
            _ => None,
        };
        Ok(SessionExpires {
            seconds,
            refresher_is_uac,
        })
    }
}

impl fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.refresher_is_uac {
            Some(true) => write!(f, "{};refresher=uac", self.seconds),
            Some(false) => write!(f, "{};refresher=uas", self.seconds),
            None => write!(f, "{}", self.seconds),
        }
    }
}

/// Digits only: `u32::from_str` would take a `+`.
pub(crate) fn number(digits: &str) -> Option<u32> {
    digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert_eq!(CSeq::parse("0009  INVITE").unwrap().to_string(), "9 INVITE");
        for text in [
            "",
            "1",
            "2147483648 INVITE",
            "-1 INVITE",
            "+1 INVITE",
            "1 IN(VITE",
            "1 A B",
        ] {
            assert!(CSeq::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn each_is_read_as_written(rseq: u32, n in 0..1_u32 << 31, who: Option<bool>) {
            let cseq = CSeq { number: n, method: Method::Update };
            prop_assert_eq!(CSeq::parse(&cseq.to_string()), Ok(cseq.clone()));
            let rack = RAck { rseq, cseq };
            prop_assert_eq!(RAck::parse(&rack.to_string()), Ok(rack));
            let session = SessionExpires { seconds: rseq, refresher_is_uac: who };
            prop_assert_eq!(SessionExpires::parse(&session.to_string()), Ok(session));
        }

        #[test]
        fn no_text_can_harm(text in "[0-9 ;=a-z]{0,30}") {
            let _ = (CSeq::parse(&text), RAck::parse(&text), SessionExpires::parse(&text));
        }
    }
}
