//! SIP and SIPS URIs (RFC 3261 §19.1).

use std::fmt;
use std::net::IpAddr;

use super::{Invalid, Params, host_port};
use crate::types::Transport;

/// A `sip:` or `sips:` URI. Other schemes stay text: the stack cannot route them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uri {
    /// `sips:`.
    pub secure: bool,
    /// What stands before the `@`, escapes and password as written.
    pub user: Option<String>,
    /// As written; IPv6 in its brackets.
    pub host: String,
    /// Where one is written.
    pub port: Option<u16>,
    /// `transport`, `lr`, `ob` …
    pub params: Params,
    /// What stands after the `?`.
    pub headers: Option<String>,
}

const WHAT: &str = "URI";

impl Uri {
    /// Parse one.
    pub fn parse(text: &str) -> Result<Uri, Invalid> {
        if text.contains(|c: char| {
            c.is_ascii_whitespace() || c.is_ascii_control() || "<>\"".contains(c)
        }) {
            return Err(Invalid::new(WHAT, "holds a space, a quote or a bracket"));
        }
        let (scheme, rest) = text
            .split_once(':')
            .ok_or(Invalid::new(WHAT, "no scheme"))?;
        let secure = match scheme {
            s if s.eq_ignore_ascii_case("sip") => false,
            s if s.eq_ignore_ascii_case("sips") => true,
            _ => return Err(Invalid::new(WHAT, "scheme is not sip or sips")),
        };
        // A user may hold ; ? and / (§19.1.1), a host never an @.
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, rest),
        };
        let (rest, headers) = match rest.split_once('?') {
            Some((rest, headers)) => (rest, Some(headers.to_owned())),
            None => (rest, None),
        };
        let (host, params) = rest.split_once(';').unwrap_or((rest, ""));
        let (host, port) = host_port(host, WHAT)?;
        Ok(Uri {
            secure,
            user,
            host,
            port,
            params: Params::parse(params),
            headers,
        })
    }

    /// The host where it is a literal address.
    pub fn ip(&self) -> Option<IpAddr> {
        let bare = self
            .host
            .strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'))
            .unwrap_or(&self.host);
        bare.parse().ok()
    }

    /// What the `transport` parameter asks for. `ws` and others we do not speak are `Err`.
    pub fn transport(&self) -> Result<Option<Transport>, Invalid> {
        let wanted = self.params.get("transport");
        let Some(name) = wanted else {
            return Ok(self.secure.then_some(Transport::Tls));
        };
        match name {
            n if n.eq_ignore_ascii_case("udp") && !self.secure => Ok(Some(Transport::Udp)),
            n if n.eq_ignore_ascii_case("tcp") && self.secure => Ok(Some(Transport::Tls)),
            n if n.eq_ignore_ascii_case("tcp") => Ok(Some(Transport::Tcp)),
            n if n.eq_ignore_ascii_case("tls") => Ok(Some(Transport::Tls)),
            _ => Err(Invalid::new(WHAT, "transport is not udp, tcp or tls")),
        }
    }

    /// As a Request-URI: what §19.1.1 forbids there is taken away.
    pub fn for_request(mut self) -> Uri {
        self.headers = None;
        self.params.remove("method");
        self
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.secure { "sips:" } else { "sip:" })?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        f.write_str(&self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)?;
        match &self.headers {
            Some(headers) => write!(f, "?{headers}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        for text in [
            "sip:alice@atlanta.com",
            "sips:1212@gateway.com;user=phone",
            "sip:+1-212-555-1212:1234@gateway.com;user=phone",
            "sip:alice;day=tuesday@atlanta.com",
            "sip:user:pw@[2001:db8::10]:5070;transport=tcp;lr?Subject=a&To=b",
            "sip:192.0.2.4",
            "sip:a%20b@h;unknownparam",
        ] {
            assert_eq!(Uri::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_sip_uri_says_why() {
        for (text, rule) in [
            ("alice", "no scheme"),
            ("tel:+1", "scheme is not sip or sips"),
            ("sip:", "host is no name and no address"),
            ("sip:[::1", "bracket not closed"),
            ("sip:[xyz]", "host is no name and no address"),
            ("sip:h:99999", "port is not 0 to 65535"),
            ("sip:a b@h", "holds a space, a quote or a bracket"),
        ] {
            assert_eq!(Uri::parse(text).unwrap_err().rule, rule, "{text}");
        }
    }

    #[test]
    fn the_transport_is_read_in_any_case() {
        let transport = |text| Uri::parse(text).unwrap().transport();
        assert_eq!(transport("sip:h;Transport=UDP"), Ok(Some(Transport::Udp)));
        assert_eq!(transport("sips:h;transport=tcp"), Ok(Some(Transport::Tls)));
        assert_eq!(transport("sip:h"), Ok(None));
        assert!(transport("sip:h;transport=sctp").is_err());
        assert!(transport("sips:h;transport=udp").is_err());
    }

    proptest! {
        #[test]
        fn no_text_can_harm(text in ".*") {
            if let Ok(uri) = Uri::parse(&text) {
                prop_assert_eq!(Uri::parse(&uri.to_string()), Ok(uri));
            }
        }

        #[test]
        fn near_misses_neither(text in "sips?:([a-z;:]{0,3}@)?(h|\\[::1\\])(:[0-9]{0,6})?(;[a-z=;\"<]{0,6})?(\\?[a-z?=]{0,4})?") {
            if let Ok(uri) = Uri::parse(&text) {
                prop_assert_eq!(Uri::parse(&uri.to_string()), Ok(uri));
            }
        }
    }
}
