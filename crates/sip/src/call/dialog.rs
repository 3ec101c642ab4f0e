//! What a dialog remembers (RFC 3261 §12): tags, targets, routes, sequence numbers.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use crate::headers::Headers;
use crate::message::Request;
use crate::method::Method;
use crate::types::{Lookup, Source, Transport};
use crate::value::{CSeq, NameAddr, Uri};

#[derive(Clone, Debug)]
pub(crate) struct Dialog {
    pub call_id: String,
    pub local: NameAddr,
    pub remote: NameAddr,
    pub local_cseq: u32,
    pub remote_cseq: Option<u32>,
    /// The remote target: their Contact URI.
    pub target: String,
    /// Route values in the order our requests carry them.
    pub routes: Vec<String>,
    /// Where their messages come from, when their Contact cannot be trusted to lead there.
    reach: Option<Source>,
}

/// How a dialog is made, the same for both sides.
pub(crate) struct Beginning<'a> {
    pub call_id: &'a str,
    pub local: NameAddr,
    pub remote: NameAddr,
    pub local_cseq: u32,
    pub remote_cseq: Option<u32>,
    /// Of the request (UAS) or the response (UAC).
    pub headers: &'a Headers,
    /// Where there is no Contact to be found.
    pub otherwise: &'a str,
    /// The UAC goes through the Record-Route backwards.
    pub is_uac: bool,
}

impl Dialog {
    pub fn begin(beginning: Beginning<'_>) -> Dialog {
        let headers = beginning.headers;
        let mut routes: Vec<String> = headers.values("Record-Route").map(str::to_owned).collect();
        if beginning.is_uac {
            routes.reverse();
        }
        let target = contact(headers).unwrap_or_else(|| beginning.otherwise.to_owned());
        Dialog {
            call_id: beginning.call_id.to_owned(),
            local: beginning.local,
            remote: beginning.remote,
            local_cseq: beginning.local_cseq,
            remote_cseq: beginning.remote_cseq,
            target,
            routes,
            reach: None,
        }
    }

    /// Whether requests go back to where messages came from: always to a phone that came over a
    /// connection or registered (RFC 5626), and where the Contact is a private address that a NAT
    /// hides. Proxies that recorded their route know better.
    pub fn reach_by(&mut self, source: &Source, phone: bool) {
        let nowhere = match Uri::parse(&self.target) {
            Ok(uri) => uri.ip().is_some_and(|contact| {
                let seen = source.remote.ip();
                contact != seen && is_private(contact) && !is_private(seen)
            }),
            Err(_) => true, // no Contact that leads anywhere
        };
        self.reach = (self.routes.is_empty() && (phone || nowhere)).then(|| source.clone());
    }

    /// A target refresh (§12.2): the new Contact counts from now on.
    pub fn refresh_target(&mut self, headers: &Headers) {
        if let Some(target) = contact(headers) {
            self.target = target;
        }
    }

    pub fn remote_tag(&self) -> &str {
        self.remote.tag().unwrap_or_default()
    }

    /// `sips:`: our Contact has to be one too.
    pub fn is_secure(&self) -> bool {
        self.target
            .get(..5)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("sips:"))
    }

    /// The next CSeq number of ours.
    pub fn next_cseq(&mut self) -> u32 {
        self.local_cseq += 1;
        self.local_cseq
    }

    /// A new request in this dialog (§12.2.1.1).
    pub fn request(&mut self, method: Method) -> Request {
        let cseq = self.next_cseq();
        self.request_numbered(method, cseq)
    }

    /// One with a given number: ACK takes its INVITE's.
    pub fn request_numbered(&self, method: Method, number: u32) -> Request {
        let loose = self.routes.first().is_none_or(|route| is_loose(route));
        let (uri, routes) = match self.routes.split_first() {
            // A strict router of RFC 2543: it stands in the Request-URI, the target comes last.
            Some((first, rest)) if !loose => {
                let target = std::iter::once(format!("<{}>", self.target));
                (uri_of(first), rest.iter().cloned().chain(target).collect())
            }
            _ => (self.target.clone(), self.routes.clone()),
        };
        let mut request = Request::new(method.clone(), uri);
        let headers = &mut request.headers;
        headers.push("Max-Forwards", "70");
        routes
            .into_iter()
            .for_each(|route| headers.push("Route", route));
        headers.push("From", self.local.to_string());
        headers.push("To", self.remote.to_string());
        headers.push("Call-ID", self.call_id.as_str());
        headers.push("CSeq", CSeq { number, method }.to_string());
        request
    }

    /// Where requests go, the first that can be located.
    pub fn lookups(&self) -> VecDeque<Lookup> {
        let hop = self
            .routes
            .first()
            .map_or_else(|| self.target.clone(), |route| uri_of(route));
        let mut lookups = VecDeque::new();
        if let Some(source) = &self.reach {
            lookups.push_back(Lookup::Flow(source.flow));
            if source.transport == Transport::Udp {
                // Written anew: an IPv6 zone has no place in a URI.
                let remote = SocketAddr::new(source.remote.ip(), source.remote.port());
                lookups.push_back(Lookup::Uri(format!("sip:{remote};transport=udp")));
                return lookups;
            }
        }
        lookups.push_back(Lookup::Uri(hop));
        lookups
    }
}

fn contact(headers: &Headers) -> Option<String> {
    let first = headers.values("Contact").next()?;
    NameAddr::parse(first).ok().map(|contact| contact.uri)
}

fn uri_of(route: &str) -> String {
    NameAddr::parse(route).map_or_else(|_| route.to_owned(), |route| route.uri)
}

fn is_loose(route: &str) -> bool {
    Uri::parse(&uri_of(route)).is_ok_and(|uri| uri.params.has("lr"))
}

/// Addresses that mean nothing beyond their own network.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b); // RFC 6598
            v4.is_private() || v4.is_link_local() || v4.is_loopback() || shared
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::FlowId;

    fn dialog(record_route: &[&str], contact: &str, is_uac: bool) -> Dialog {
        let mut headers = Headers::new();
        record_route
            .iter()
            .for_each(|route| headers.push("Record-Route", *route));
        headers.push("Contact", format!("<{contact}>"));
        Dialog::begin(Beginning {
            call_id: "c",
            local: NameAddr::parse("<sip:us@h>;tag=1").unwrap(),
            remote: NameAddr::parse("<sip:them@h>;tag=2").unwrap(),
            local_cseq: 7,
            remote_cseq: None,
            headers: &headers,
            otherwise: "sip:x@y",
            is_uac,
        })
    }

    #[test]
    fn requests_follow_the_recorded_route() {
        let routes = ["<sip:p1;lr>, <sip:p2;lr>", "<sip:p3;lr>"];
        let mut uac = dialog(&routes, "sip:them@there", true);
        let request = uac.request(Method::Bye);
        assert_eq!(request.uri, "sip:them@there");
        assert_eq!(
            request.headers.all("Route").collect::<Vec<_>>(),
            ["<sip:p3;lr>", "<sip:p2;lr>", "<sip:p1;lr>"]
        );
        assert_eq!(request.headers.get("CSeq"), Some("8 BYE"));
        assert_eq!(uac.lookups(), [Lookup::Uri("sip:p3;lr".to_owned())]);
        let uas = dialog(&routes, "sip:them@there", false);
        assert_eq!(uas.lookups(), [Lookup::Uri("sip:p1;lr".to_owned())]);
    }

    #[test]
    fn a_strict_router_takes_the_request_uri() {
        let request =
            dialog(&["<sip:strict>, <sip:p2;lr>"], "sip:them@there", false).request(Method::Bye);
        assert_eq!(request.uri, "sip:strict");
        assert_eq!(
            request.headers.all("Route").collect::<Vec<_>>(),
            ["<sip:p2;lr>", "<sip:them@there>"]
        );
    }

    #[test]
    fn a_phone_behind_nat_is_reached_where_it_came_from() {
        let source = |transport, remote: &str| Source {
            flow: FlowId(3),
            transport,
            remote: remote.parse().unwrap(),
            local: "198.51.100.1:5060".parse().unwrap(),
        };
        let uri = |text: &str| Lookup::Uri(text.to_owned());
        let (nat, udp) = ("203.0.113.5:4444", Transport::Udp);
        let by_nat = vec![
            Lookup::Flow(FlowId(3)),
            uri("sip:203.0.113.5:4444;transport=udp"),
        ];
        for (contact, transport, remote, phone, expected) in [
            ("sip:a@10.0.0.1", udp, nat, false, by_nat.clone()),
            ("sip:a@203.0.113.5", udp, nat, true, by_nat),
            (
                "sip:a@203.0.113.9",
                udp,
                nat,
                false,
                vec![uri("sip:a@203.0.113.9")],
            ),
            (
                "sip:a@10.0.0.1",
                udp,
                "10.0.0.2:5060",
                false,
                vec![uri("sip:a@10.0.0.1")],
            ),
            (
                "sip:a@h",
                Transport::Tcp,
                nat,
                true,
                vec![Lookup::Flow(FlowId(3)), uri("sip:a@h")],
            ),
        ] {
            let mut dialog = dialog(&[], contact, false);
            dialog.reach_by(&source(transport, remote), phone);
            assert_eq!(dialog.lookups(), expected, "{contact} {remote}");
        }
    }
}
