//! The few header values the stack acts on, each parsed and written both ways.

mod name_addr;
mod numbers;
mod params;
mod uri;
mod via;

pub use name_addr::NameAddr;
pub(crate) use numbers::number;
pub use numbers::{CSeq, RAck, SessionExpires};
pub use params::Params;
pub use uri::Uri;
pub(crate) use via::MAGIC_COOKIE;
pub use via::Via;

/// A value that breaks its grammar: which, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {rule}")]
pub struct Invalid {
    /// The kind of value: `URI`, `Via`, `CSeq` …
    pub what: &'static str,
    /// The rule that was broken.
    pub rule: &'static str,
}

impl Invalid {
    pub(crate) fn new(what: &'static str, rule: &'static str) -> Invalid {
        Invalid { what, rule }
    }
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`; the host as written.
fn host_port(text: &str, what: &'static str) -> Result<(String, Option<u16>), Invalid> {
    let end = match text.strip_prefix('[') {
        Some(rest) => rest
            .find(']')
            .map(|at| at + 2)
            .ok_or(Invalid::new(what, "bracket not closed"))?,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, rest) = text
        .split_at_checked(end)
        .ok_or(Invalid::new(what, "bad host"))?;
    let literal = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let good = match literal {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        }
    };
    if !good {
        return Err(Invalid::new(what, "host is no name and no address"));
    }
    let port = match rest.strip_prefix(':') {
        None if rest.is_empty() => None,
        // "host:" is seen in the wild and means no port.
        Some("") => None,
        Some(digits) => match digits.parse::<u16>() {
            Ok(port) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(port),
            _ => return Err(Invalid::new(what, "port is not 0 to 65535")),
        },
        None => return Err(Invalid::new(what, "text after the host")),
    };
    Ok((host.to_owned(), port))
}
