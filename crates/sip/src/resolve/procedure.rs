//! RFC 3263 §4: from a URI to an ordered list of places to try.

use std::net::{IpAddr, SocketAddr};

use super::records::{Answer, Naptr, Query, Srv, order_by_weight};
use crate::types::Transport;
use crate::value::{Invalid, Uri};

/// What we can send with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Means {
    /// A UDP socket of that family is bound.
    pub udp_v4: bool,
    /// Likewise.
    pub udp_v6: bool,
    /// Outgoing TLS is possible (there are roots to verify against).
    pub tls: bool,
}

/// One place to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// How.
    pub transport: Transport,
    /// Where.
    pub address: SocketAddr,
    /// Whose certificate to demand: the name in the URI, never one the DNS gave (RFC 5922 §4).
    pub tls_name: Option<String>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Ask all of these, then call [`Procedure::answer`] with as many answers in that order.
    Ask(Vec<Query>),
    /// In order of preference; empty where there is no way.
    Done(Vec<Place>),
}

/// One lookup under way. Each step's questions are independent and asked at once: at most three
/// round trips.
#[derive(Debug)]
pub struct Procedure {
    /// The name that is looked up (§4: `maddr` before the host).
    target: String,
    /// The name the certificate must carry.
    domain: String,
    secure: bool,
    means: Means,
    state: State,
}

#[derive(Debug)]
enum State {
    Naptr,
    Srv(Vec<Transport>),
    Addresses(Vec<Host>),
    Over,
}

#[derive(Debug, Clone)]
struct Host {
    transport: Transport,
    name: String,
    port: u16,
}

/// What a domain may make us ask and try: it is a stranger's.
const MAX_SERVICES: usize = 6;
const MAX_HOSTS: usize = 16;
const MAX_PLACES: usize = 32;

impl Procedure {
    /// Begin. An error where the URI cannot be located by any means.
    pub fn start(uri: &str, means: Means) -> Result<(Self, Step), Invalid> {
        let uri = Uri::parse(uri)?;
        let named = uri.transport()?;
        // `sips:` alone leaves the transport open, to be found by NAPTR (§4.1).
        let wanted = if uri.params.get("transport").is_some() {
            named
        } else {
            None
        };
        let maddr = uri.params.get("maddr").filter(|maddr| !maddr.is_empty());
        let default = if uri.secure {
            Transport::Tls
        } else {
            Transport::Udp
        };
        let transport = wanted.unwrap_or(default);
        let mut procedure = Self {
            target: bare(maddr.unwrap_or(&uri.host)).to_owned(),
            domain: bare(&uri.host).to_owned(),
            secure: uri.secure,
            means,
            state: State::Over,
        };
        let step = match (procedure.target.parse::<IpAddr>(), uri.port, wanted) {
            (Ok(ip), port, _) => {
                let address = SocketAddr::new(ip, port.unwrap_or(transport.default_port()));
                procedure.done(vec![(transport, address)])
            }
            (Err(_), Some(port), _) => {
                let name = procedure.target.clone();
                procedure.ask_addresses(vec![Host {
                    transport,
                    name,
                    port,
                }])
            }
            (Err(_), None, Some(transport)) => procedure.ask_srv(&[transport]),
            (Err(_), None, None) => {
                procedure.state = State::Naptr;
                Step::Ask(vec![Query::Naptr(procedure.target.clone())])
            }
        };
        Ok((procedure, step))
    }

    /// Go on. `random` gives any number, for SRV weights.
    pub fn answer(&mut self, answers: Vec<Answer>, random: &mut dyn FnMut() -> u64) -> Step {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Naptr => self.naptr(answers),
            State::Srv(transports) => self.srv(&transports, answers, random),
            State::Addresses(hosts) => self.addresses(&hosts, &answers),
            State::Over => Step::Done(Vec::new()),
        }
    }

    fn naptr(&mut self, answers: Vec<Answer>) -> Step {
        let mut records: Vec<Naptr> = answers
            .into_iter()
            .flat_map(|answer| {
                if let Answer::Naptr(list) = answer {
                    list
                } else {
                    Vec::new()
                }
            })
            .filter(|record| {
                record.flags.eq_ignore_ascii_case("s") && !is_root(&record.replacement)
            })
            .collect();
        records.sort_by_key(|record| (record.order, record.preference));
        let services: Vec<(Transport, String)> = records
            .into_iter()
            .filter_map(|record| Some((self.service(&record.service)?, record.replacement)))
            .take(MAX_SERVICES)
            .collect();
        if services.is_empty() {
            return self.ask_srv(self.own_order());
        }
        let (transports, names): (Vec<_>, Vec<_>) = services.into_iter().unzip();
        self.state = State::Srv(transports);
        Step::Ask(names.into_iter().map(Query::Srv).collect())
    }

    /// A `sips:` URI is never served in the clear (§4.1); a `sip:` URI may be served by TLS.
    fn service(&self, service: &str) -> Option<Transport> {
        const SERVICES: [(&str, Transport); 3] = [
            ("SIP+D2U", Transport::Udp),
            ("SIP+D2T", Transport::Tcp),
            ("SIPS+D2T", Transport::Tls),
        ];
        let (_, transport) = SERVICES
            .into_iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(service))?;
        (self.can(transport) && (!self.secure || transport == Transport::Tls)).then_some(transport)
    }

    /// Where the domain has no NAPTR we choose, among what we can do.
    fn own_order(&self) -> &'static [Transport] {
        match (self.secure, self.can(Transport::Udp)) {
            (true, _) => &[Transport::Tls],
            (false, true) => &[Transport::Udp, Transport::Tcp],
            (false, false) => &[Transport::Tcp],
        }
    }

    fn ask_srv(&mut self, transports: &[Transport]) -> Step {
        let target = &self.target;
        let name = |transport: &Transport| match transport {
            Transport::Udp => format!("_sip._udp.{target}"),
            Transport::Tcp => format!("_sip._tcp.{target}"),
            Transport::Tls => format!("_sips._tcp.{target}"),
        };
        let queries = transports
            .iter()
            .map(|transport| Query::Srv(name(transport)))
            .collect();
        self.state = State::Srv(transports.to_vec());
        Step::Ask(queries)
    }

    fn srv(
        &mut self,
        transports: &[Transport],
        answers: Vec<Answer>,
        random: &mut dyn FnMut() -> u64,
    ) -> Step {
        let mut hosts = Vec::new();
        let mut said_no = false;
        for (transport, answer) in transports.iter().zip(answers) {
            let Answer::Srv(records) = answer else {
                continue;
            };
            // RFC 2782: a target of "." says that this service is decidedly not there.
            said_no |= records.iter().any(|record| is_root(&record.target));
            let usable: Vec<Srv> = records
                .into_iter()
                .filter(|record| !is_root(&record.target))
                .collect();
            hosts.extend(
                order_by_weight(usable, random)
                    .into_iter()
                    .map(|record| Host {
                        transport: *transport,
                        name: record.target,
                        port: record.port,
                    }),
            );
        }
        hosts.truncate(MAX_HOSTS);
        if hosts.is_empty() && said_no {
            return Step::Done(Vec::new());
        }
        if hosts.is_empty() {
            // §4.2: without SRV records the name itself, on the default port.
            let transport = transports.first().copied().unwrap_or(Transport::Udp);
            hosts.push(Host {
                transport,
                name: self.target.clone(),
                port: transport.default_port(),
            });
        }
        self.ask_addresses(hosts)
    }

    fn ask_addresses(&mut self, hosts: Vec<Host>) -> Step {
        let queries = hosts
            .iter()
            .map(|host| Query::Addresses(host.name.clone()))
            .collect();
        self.state = State::Addresses(hosts);
        Step::Ask(queries)
    }

    /// IPv4 before IPv6 of the same host: media over IPv4 is what works in more places.
    fn addresses(&self, hosts: &[Host], answers: &[Answer]) -> Step {
        let mut found = Vec::new();
        for (host, answer) in hosts.iter().zip(answers) {
            let Answer::Addresses(ips) = answer else {
                continue;
            };
            let mut ips = ips.clone();
            ips.sort_by_key(IpAddr::is_ipv6);
            found.extend(
                ips.into_iter()
                    .map(|ip| (host.transport, SocketAddr::new(ip, host.port))),
            );
        }
        self.done(found)
    }

    fn done(&self, found: Vec<(Transport, SocketAddr)>) -> Step {
        let mut places: Vec<Place> = Vec::new();
        for (transport, address) in found {
            let reachable = match (transport, address.is_ipv4()) {
                (Transport::Udp, true) => self.means.udp_v4,
                (Transport::Udp, false) => self.means.udp_v6,
                (Transport::Tcp, _) => true,
                (Transport::Tls, _) => self.means.tls,
            };
            let tls_name = (transport == Transport::Tls).then(|| self.domain.clone());
            let place = Place {
                transport,
                address,
                tls_name,
            };
            if reachable && places.len() < MAX_PLACES && !places.contains(&place) {
                places.push(place);
            }
        }
        Step::Done(places)
    }

    fn can(&self, transport: Transport) -> bool {
        match transport {
            Transport::Udp => self.means.udp_v4 || self.means.udp_v6,
            Transport::Tcp => true,
            Transport::Tls => self.means.tls,
        }
    }
}

fn bare(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

fn is_root(name: &str) -> bool {
    name.is_empty() || name == "."
}

#[cfg(test)]
#[path = "procedure_tests.rs"]
mod tests;
