//! Via (RFC 3261 §20.42, §18.2.1; rport: RFC 3581).

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::{Invalid, Params, host_port};
use crate::types::Transport;

/// One Via value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    /// `UDP`, `TCP`, `TLS`, or what else it says.
    pub transport: String,
    /// sent-by host as written.
    pub host: String,
    /// sent-by port where one is written.
    pub port: Option<u16>,
    /// `branch`, `received`, `rport` …
    pub params: Params,
}

const WHAT: &str = "Via";
/// What every branch of an RFC 3261 element begins with (§8.1.1.7).
pub(crate) const MAGIC_COOKIE: &str = "z9hG4bK";

impl Via {
    /// Ours.
    pub fn new(transport: Transport, sent_by: SocketAddr, branch: &str) -> Via {
        let mut params = Params::default();
        params.set("branch", Some(branch));
        params.set("rport", None);
        let host = match sent_by.ip() {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => format!("[{v6}]"),
        };
        Via {
            transport: transport.via_name().to_owned(),
            host,
            port: Some(sent_by.port()),
            params,
        }
    }

    /// Parse one value; spaces are allowed around every separator (RFC 4475 §3.1.1.1).
    pub fn parse(text: &str) -> Result<Via, Invalid> {
        let (head, params) = text.split_once(';').unwrap_or((text, ""));
        let mut parts = head.splitn(3, '/').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let version = parts.next().unwrap_or_default();
        if !name.eq_ignore_ascii_case("SIP") || version != "2.0" {
            return Err(Invalid::new(WHAT, "protocol is not SIP/2.0"));
        }
        let rest = parts.next().ok_or(Invalid::new(WHAT, "no transport"))?;
        let (transport, sent_by) = rest
            .split_once(|c: char| c.is_ascii_whitespace())
            .ok_or(Invalid::new(WHAT, "no sent-by"))?;
        if !crate::headers::is_token(transport) {
            return Err(Invalid::new(WHAT, "transport is no token"));
        }
        let sent_by: String = sent_by
            .chars()
            .filter(|c| !c.is_ascii_whitespace())
            .collect();
        let (host, port) = host_port(&sent_by, WHAT)?;
        Ok(Via {
            transport: transport.to_owned(),
            host,
            port,
            params: Params::parse(params),
        })
    }

    /// The branch, where it is unique as RFC 3261 demands.
    pub fn branch(&self) -> Option<&str> {
        self.params.get("branch").filter(|branch| {
            branch.len() > MAGIC_COOKIE.len()
                && branch
                    .get(..MAGIC_COOKIE.len())
                    .is_some_and(|b| b.eq_ignore_ascii_case(MAGIC_COOKIE))
        })
    }

    /// Note where it really came from (§18.2.1, RFC 3581 §4). `received` is written even where it
    /// agrees with sent-by if the peer asked for rport.
    pub fn stamp(&mut self, remote: SocketAddr) {
        let rport = self.params.has("rport");
        let literal = self
            .host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>();
        if rport {
            self.params.set("rport", Some(&remote.port().to_string()));
        }
        if rport || literal != Ok(remote.ip()) {
            self.params.set("received", Some(&remote.ip().to_string()));
        } else {
            // A `received` from the peer itself would send our answer wherever it likes.
            self.params.remove("received");
        }
    }

    /// Where a response goes over UDP, or on a new stream where the old one is gone (§18.2.2):
    /// always to the address the request came from, on the port that Via or rport names.
    pub fn reply_to(&self, remote: SocketAddr, transport: Transport) -> SocketAddr {
        let rport = self.params.has("rport") && transport == Transport::Udp;
        let port = if rport {
            remote.port()
        } else {
            self.port.unwrap_or(transport.default_port())
        };
        SocketAddr::new(remote.ip(), port)
    }

    /// sent-by for comparison: lower case, port written out.
    pub fn sent_by(&self) -> String {
        let default = if self.transport.eq_ignore_ascii_case("TLS") {
            5061
        } else {
            5060
        };
        format!(
            "{}:{}",
            self.host.to_ascii_lowercase(),
            self.port.unwrap_or(default)
        )
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        for text in [
            "SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds",
            "SIP/2.0/TLS [2001:db8::9:1]:5071;received=[2001:db8::9:255];branch=z9hG4bKas3",
            "SIP/2.0/SCTP h:5060;rport;branch=z9hG4bK.x;extra=\"a;b\"",
        ] {
            assert_eq!(Via::parse(text).unwrap().to_string(), text);
        }
        let spaced =
            Via::parse("SIP  / 2.0 /\tTCP  spindle.example.com : 4000 ;branch = z9hG4bK30")
                .unwrap();
        assert_eq!(
            spaced.to_string(),
            "SIP/2.0/TCP spindle.example.com:4000;branch=z9hG4bK30"
        );
    }

    #[test]
    fn the_source_is_noted_and_answered() {
        let nat: SocketAddr = "203.0.113.9:40000".parse().unwrap();
        for (text, stamped, reply) in [
            (
                "SIP/2.0/UDP 10.0.0.1:5062;rport;branch=z9hG4bK1",
                "SIP/2.0/UDP 10.0.0.1:5062;rport=40000;branch=z9hG4bK1;received=203.0.113.9",
                "203.0.113.9:40000",
            ),
            (
                "SIP/2.0/UDP host.example;branch=z9hG4bK1",
                "SIP/2.0/UDP host.example;branch=z9hG4bK1;received=203.0.113.9",
                "203.0.113.9:5060",
            ),
            (
                "SIP/2.0/UDP 203.0.113.9:5070;received=1.2.3.4;branch=z9hG4bK1",
                "SIP/2.0/UDP 203.0.113.9:5070;branch=z9hG4bK1",
                "203.0.113.9:5070",
            ),
        ] {
            let mut via = Via::parse(text).unwrap();
            via.stamp(nat);
            assert_eq!(via.to_string(), stamped);
            assert_eq!(via.reply_to(nat, Transport::Udp), reply.parse().unwrap());
        }
    }

    #[test]
    fn only_a_branch_with_the_cookie_counts() {
        let branch = |text: &str| Via::parse(text).unwrap().branch().map(str::to_owned);
        assert_eq!(
            branch("SIP/2.0/UDP h;branch=z9hG4bKx"),
            Some("z9hG4bKx".to_owned())
        );
        assert_eq!(branch("SIP/2.0/UDP h;branch=z9hG4bK"), None);
        assert_eq!(branch("SIP/2.0/UDP h;branch=1"), None);
    }

    proptest! {
        #[test]
        fn no_text_can_harm(text in "(SIP */ *2.0 */ *UDP +)?[\\[a-z0-9.:;=\" \\]é]{0,30}") {
            if let Ok(via) = Via::parse(&text) {
                prop_assert_eq!(Via::parse(&via.to_string()), Ok(via));
            }
        }
    }
}
