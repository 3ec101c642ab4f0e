//! `"Name" <uri>;params`: From, To, Contact, Route, Record-Route, Refer-To.

use std::fmt;

use super::{Invalid, Params};

/// A name-addr or addr-spec with its header parameters. The URI stays text: it may be `tel:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAddr {
    /// As written, quotes included; empty for none.
    pub display: String,
    /// What stands in the brackets.
    pub uri: String,
    /// What follows them.
    pub params: Params,
}

const WHAT: &str = "name-addr";

impl NameAddr {
    /// Just a URI.
    pub fn of(uri: impl Into<String>) -> NameAddr {
        NameAddr {
            display: String::new(),
            uri: uri.into(),
            params: Params::default(),
        }
    }

    /// Parse one value (not a comma-separated list).
    pub fn parse(text: &str) -> Result<NameAddr, Invalid> {
        let text = text.trim();
        let Some(open) = open_bracket(text)? else {
            // Without brackets, parameters are the header's, not the URI's (RFC 3261 §20.10).
            let (uri, params) = text.split_once(';').unwrap_or((text, ""));
            let uri = check(uri.trim())?;
            return Ok(NameAddr {
                display: String::new(),
                uri,
                params: Params::parse(params),
            });
        };
        let (display, rest) = text.split_at(open);
        let rest = rest.strip_prefix('<').unwrap_or(rest);
        let (uri, rest) = rest
            .split_once('>')
            .ok_or(Invalid::new(WHAT, "bracket not closed"))?;
        let params = match rest.trim_start().strip_prefix(';') {
            Some(params) => Params::parse(params),
            None if rest.trim().is_empty() => Params::default(),
            None => return Err(Invalid::new(WHAT, "text after the bracket")),
        };
        Ok(NameAddr {
            display: display.trim().to_owned(),
            uri: check(uri.trim())?,
            params,
        })
    }

    /// The `tag` parameter; `None` when absent or empty.
    pub fn tag(&self) -> Option<&str> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }

    /// The same with that tag.
    pub fn with_tag(mut self, tag: &str) -> NameAddr {
        self.params.set("tag", Some(tag));
        self
    }
}

/// The `<` outside quotes.
fn open_bracket(text: &str) -> Result<Option<usize>, Invalid> {
    let (mut quoted, mut escaped) = (false, false);
    for (i, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'<' if !quoted => return Ok(Some(i)),
            _ => {}
        }
    }
    if quoted {
        Err(Invalid::new(WHAT, "quote not closed"))
    } else {
        Ok(None)
    }
}

fn check(uri: &str) -> Result<String, Invalid> {
    let scheme = uri
        .split_once(':')
        .map(|(scheme, _)| scheme)
        .unwrap_or_default();
    let token = scheme
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if scheme.is_empty() || !token {
        return Err(Invalid::new(WHAT, "no URI"));
    }
    if uri.contains(|c: char| c.is_ascii_whitespace() || "<>\"".contains(c)) {
        return Err(Invalid::new(
            WHAT,
            "URI holds a space, a quote or a bracket",
        ));
    }
    Ok(uri.to_owned())
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.display.is_empty() {
            write!(f, "{} ", self.display)?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_form_is_read() {
        for (text, display, uri, tag) in [
            (
                "\"Bob <x>\" <sip:bob@h;lr>;tag=1",
                "\"Bob <x>\"",
                "sip:bob@h;lr",
                Some("1"),
            ),
            (
                "Bob  Smith<sip:b@h> ; TAG = 2",
                "Bob  Smith",
                "sip:b@h",
                Some("2"),
            ),
            ("sip:b@h;tag=3", "", "sip:b@h", Some("3")),
            ("<tel:+15551230000>", "", "tel:+15551230000", None),
            ("<sip:b@h>;tag=", "", "sip:b@h", None),
            ("\"quo\\\"te\" <sip:b@h>", "\"quo\\\"te\"", "sip:b@h", None),
        ] {
            let value = NameAddr::parse(text).unwrap();
            assert_eq!(
                (value.display.as_str(), value.uri.as_str(), value.tag()),
                (display, uri, tag),
                "{text}"
            );
            assert_eq!(NameAddr::parse(&value.to_string()), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_is_none_says_why() {
        for (text, rule) in [
            ("\"Bob <sip:b@h>", "quote not closed"),
            ("<sip:b@h", "bracket not closed"),
            ("<sip:b@h> x", "text after the bracket"),
            ("Bob", "no URI"),
            ("", "no URI"),
            ("<sip:b c@h>", "URI holds a space, a quote or a bracket"),
        ] {
            assert_eq!(NameAddr::parse(text).unwrap_err().rule, rule, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_can_harm(text in "[ -~é]{0,4}[\"<]?[a-z :;,=\\\\\"<>]{0,20}") {
            if let Ok(value) = NameAddr::parse(&text) {
                prop_assert_eq!(NameAddr::parse(&value.to_string()).map(|v| v.uri), Ok(value.uri));
            }
        }
    }
}
