//! The text of challenges and credentials: `Digest name=value, name="quoted"` to fields and back.

use std::fmt::Write as _;

use thiserror::Error;

use super::hash::Algorithm;

/// Why the text of a challenge or of credentials could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DigestParseError {
    /// Basic, Bearer or anything else.
    #[error("scheme is not Digest: {0:?}")]
    Scheme(String),
    /// A parameter that is no `name=value`, or a quoted string without its end.
    #[error("malformed digest parameter at {0:?}")]
    Parameter(String),
    /// A field that must be there.
    #[error("digest parameter {0:?} is missing")]
    Missing(&'static str),
    /// `nc` is not eight hex digits, or stands without `cnonce`.
    #[error("digest parameter {0:?} has a bad value {1:?}")]
    Value(&'static str, String),
}

/// One `WWW-Authenticate` or `Proxy-Authenticate` value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Which users and passwords this is about.
    pub realm: String,
    /// The server's value to be hashed in.
    pub nonce: String,
    /// Returned unchanged.
    pub opaque: Option<String>,
    /// True where only the nonce was too old, not the password wrong.
    pub stale: bool,
    /// The algorithm token as sent; absent means MD5. May be one we cannot compute.
    pub algorithm: Option<String>,
    /// The offered qop tokens; empty where the server speaks RFC 2069 only.
    pub qop: Vec<String>,
}

impl Challenge {
    /// Read one header value.
    pub fn parse(value: &str) -> Result<Self, DigestParseError> {
        let params = Params::parse(value)?;
        Ok(Self {
            realm: params.need("realm")?,
            nonce: params.need("nonce")?,
            opaque: params.get("opaque").map(str::to_owned),
            stale: params
                .get("stale")
                .is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
            algorithm: params.get("algorithm").map(str::to_owned),
            qop: params
                .get("qop")
                .map(|list| {
                    list.split(',')
                        .map(|token| token.trim().to_ascii_lowercase())
                        .filter(|t| !t.is_empty())
                        .collect()
                })
                .unwrap_or_default(),
        })
    }

    /// Write the header value.
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(160);
        let _ = write!(
            text,
            "Digest realm={}, nonce={}",
            Quoted(&self.realm),
            Quoted(&self.nonce)
        );
        if let Some(opaque) = &self.opaque {
            let _ = write!(text, ", opaque={}", Quoted(opaque));
        }
        if self.stale {
            text.push_str(", stale=true");
        }
        if let Some(algorithm) = &self.algorithm {
            let _ = write!(text, ", algorithm={algorithm}");
        }
        if !self.qop.is_empty() {
            let _ = write!(text, ", qop={}", Quoted(&self.qop.join(",")));
        }
        text
    }
}

/// One `Authorization` or `Proxy-Authorization` value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Who.
    pub username: String,
    /// The realm of the challenge.
    pub realm: String,
    /// The nonce of the challenge.
    pub nonce: String,
    /// The URI that was hashed in.
    pub uri: String,
    /// The proof, in hex.
    pub response: String,
    /// The algorithm token; absent means MD5.
    pub algorithm: Option<String>,
    /// The opaque value of the challenge.
    pub opaque: Option<String>,
    /// Present with `qop=auth`.
    pub qop: Option<Qop>,
}

/// What comes with `qop=auth`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Qop {
    /// The client's value to be hashed in.
    pub cnonce: String,
    /// How often this nonce was used, from 1.
    pub nc: u32,
    /// `nc` as it was sent: it is hashed as text.
    pub nc_text: String,
}

impl Credentials {
    /// Read one header value.
    pub fn parse(value: &str) -> Result<Self, DigestParseError> {
        let params = Params::parse(value)?;
        Ok(Self {
            username: params.need("username")?,
            realm: params.need("realm")?,
            nonce: params.need("nonce")?,
            uri: params.need("uri")?,
            response: params.need("response")?,
            algorithm: params.get("algorithm").map(str::to_owned),
            opaque: params.get("opaque").map(str::to_owned),
            qop: match params.get("qop") {
                None => None,
                Some(qop) if qop.eq_ignore_ascii_case("auth") => Some(Qop::from_params(&params)?),
                Some(other) => return Err(DigestParseError::Value("qop", other.to_owned())),
            },
        })
    }

    /// Write the header value. `qop` and `nc` go unquoted (RFC 7616 §3.4).
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(256);
        let _ = write!(
            text,
            "Digest username={}, realm={}, nonce={}, uri={}, response={}",
            Quoted(&self.username),
            Quoted(&self.realm),
            Quoted(&self.nonce),
            Quoted(&self.uri),
            Quoted(&self.response)
        );
        if let Some(algorithm) = &self.algorithm {
            let _ = write!(text, ", algorithm={algorithm}");
        }
        if let Some(qop) = &self.qop {
            let _ = write!(
                text,
                ", qop=auth, cnonce={}, nc={}",
                Quoted(&qop.cnonce),
                qop.nc_text
            );
        }
        if let Some(opaque) = &self.opaque {
            let _ = write!(text, ", opaque={}", Quoted(opaque));
        }
        text
    }

    /// The algorithm, where it is one we can compute.
    pub fn known_algorithm(&self) -> Option<Algorithm> {
        known_algorithm(self.algorithm.as_deref())
    }
}

impl Qop {
    fn from_params(params: &Params) -> Result<Self, DigestParseError> {
        let nc_text = params.need("nc")?;
        let valid = nc_text.len() == 8 && nc_text.bytes().all(|b| b.is_ascii_hexdigit());
        match u32::from_str_radix(&nc_text, 16) {
            Ok(nc) if valid => Ok(Self {
                cnonce: params.need("cnonce")?,
                nc,
                nc_text,
            }),
            _ => Err(DigestParseError::Value("nc", nc_text)),
        }
    }
}

/// No token means MD5 (RFC 3261 §22.4).
pub(super) fn known_algorithm(token: Option<&str>) -> Option<Algorithm> {
    token.map_or(Some(Algorithm::Md5), Algorithm::parse)
}

/// `name=value` pairs; the first of a name wins.
struct Params(Vec<(String, String)>);

impl Params {
    fn parse(value: &str) -> Result<Self, DigestParseError> {
        let value = value.trim();
        let (scheme, mut rest) = value.split_once(char::is_whitespace).unwrap_or((value, ""));
        if !scheme.eq_ignore_ascii_case("Digest") {
            return Err(DigestParseError::Scheme(scheme.chars().take(20).collect()));
        }
        let mut found = Vec::with_capacity(10);
        loop {
            rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
            if rest.is_empty() {
                return Ok(Self(found));
            }
            let bad = || DigestParseError::Parameter(rest.chars().take(40).collect());
            let (name, after) = rest.split_once('=').ok_or_else(bad)?;
            let after = after.trim_start();
            let (value, after) = match after.strip_prefix('"') {
                Some(quoted) => unquote(quoted).ok_or_else(bad)?,
                None => {
                    let end = after.find(',').unwrap_or(after.len());
                    (after[..end].trim_end().to_owned(), &after[end..])
                }
            };
            found.push((name.trim().to_ascii_lowercase(), value));
            rest = after;
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(have, _)| have == name)
            .map(|(_, value)| value.as_str())
    }

    fn need(&self, name: &'static str) -> Result<String, DigestParseError> {
        self.get(name)
            .map(str::to_owned)
            .ok_or(DigestParseError::Missing(name))
    }
}

/// The text up to the closing quote with its escapes undone, and what follows.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            _ => value.push(c),
        }
    }
    None
}

struct Quoted<'a>(&'a str);

impl std::fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            if matches!(c, '"' | '\\') {
                f.write_char('\\')?;
            }
            f.write_char(c)?;
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // RFC 8760 §2.6: what a server with both algorithms sends first.
    #[test]
    fn a_real_challenge_parses() {
        let challenge = Challenge::parse(
            "Digest realm=\"biloxi.com\", qop=\"auth,auth-int\", algorithm=SHA-256,\r\n \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"5ccc\", STALE=TRUE",
        )
        .unwrap();
        assert_eq!(challenge.realm, "biloxi.com");
        assert_eq!(challenge.qop, ["auth", "auth-int"]);
        assert_eq!(challenge.algorithm.as_deref(), Some("SHA-256"));
        assert_eq!(
            challenge.nonce,
            "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
        );
        assert_eq!(challenge.opaque.as_deref(), Some("5ccc"));
        assert!(challenge.stale);
    }

    #[test]
    fn a_comma_inside_quotes_does_not_end_a_value() {
        let challenge = Challenge::parse(r#"digest realm="a, b=\"c\"",nonce="n""#).unwrap();
        assert_eq!(challenge.realm, r#"a, b="c""#);
        assert_eq!(challenge.nonce, "n");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            (
                "Basic Zm9vOmJhcg==",
                DigestParseError::Scheme("Basic".into()),
            ),
            ("", DigestParseError::Scheme("".into())),
            (
                "Digest realm=\"x",
                DigestParseError::Parameter("realm=\"x".into()),
            ),
            ("Digest realm", DigestParseError::Parameter("realm".into())),
            ("Digest realm=\"x\"", DigestParseError::Missing("nonce")),
        ];
        for (text, error) in cases {
            assert_eq!(Challenge::parse(text), Err(error), "{text}");
        }
        let start = r#"Digest username="a", realm="b", nonce="c", uri="d", response="e""#;
        let cases = [
            (
                ", qop=auth-int, nc=00000001, cnonce=\"x\"",
                DigestParseError::Value("qop", "auth-int".into()),
            ),
            (
                ", qop=auth, nc=1, cnonce=\"x\"",
                DigestParseError::Value("nc", "1".into()),
            ),
            (
                ", qop=auth, nc=+0000001, cnonce=\"x\"",
                DigestParseError::Value("nc", "+0000001".into()),
            ),
            (
                ", qop=auth, nc=00000001",
                DigestParseError::Missing("cnonce"),
            ),
        ];
        for (end, error) in cases {
            assert_eq!(
                Credentials::parse(&format!("{start}{end}")),
                Err(error),
                "{end}"
            );
        }
    }

    proptest! {
        #[test]
        fn credentials_survive_the_wire(
            username in "\\PC{0,12}", realm in "\\PC{0,12}", nonce in "\\PC{1,20}", opaque in proptest::option::of("\\PC{0,9}"),
            nc in proptest::option::of(any::<u32>()),
        ) {
            let credentials = Credentials {
                username, realm, nonce, opaque,
                uri: "sip:bob@biloxi.com".into(),
                response: "0f".into(),
                algorithm: Some("SHA-256".into()),
                qop: nc.map(|nc| Qop { cnonce: "c\"n".into(), nc, nc_text: format!("{nc:08x}") }),
            };
            prop_assert_eq!(Credentials::parse(&credentials.render()), Ok(credentials));
        }

        #[test]
        fn no_text_can_harm(text in "\\PC{0,80}") {
            let _ = Challenge::parse(&format!("Digest {text}"));
            let _ = Credentials::parse(&format!("Digest {text}"));
        }
    }
}
