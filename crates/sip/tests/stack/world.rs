//! A pretend network: stacks and scripted peers, seeded loss, latency, a virtual clock.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bridgetap_sip::types::*;
use bridgetap_sip::value::Uri;
use bridgetap_sip::{Addresses, Config, Ids, Listener, Message, Stack};

use crate::asking::{SDP, answer};
use crate::doubles::{Open, Password, Seeded};

pub struct Node {
    pub stack: Stack,
    pub address: SocketAddr,
    pub ids: Ids,
    pub events: Vec<SipEvent>,
    /// Answers calls, and hangs up what it dialled, by itself.
    pub auto: bool,
    pub closed: Vec<FlowId>,
}

struct Flight {
    from: SocketAddr,
    to: SocketAddr,
    transport: Transport,
    bytes: Vec<u8>,
}

type Rule = (Box<dyn FnMut(&Message) -> bool>, usize);

pub struct World {
    pub now: Instant,
    pub start: Instant,
    pub nodes: Vec<Node>,
    /// Addresses where a test speaks SIP by hand, and what they heard.
    pub wires: HashMap<SocketAddr, Vec<Message>>,
    /// Every message sent: when, from, to, what; lost ones too.
    pub log: Vec<(Duration, SocketAddr, SocketAddr, Message)>,
    pub loss_percent: u64,
    pub latency: Duration,
    pub names: HashMap<String, Vec<(Transport, SocketAddr)>>,
    /// Nothing can be sent there.
    pub unreachable: Vec<(Transport, SocketAddr)>,
    /// Nothing sent there arrives.
    pub silent: Vec<SocketAddr>,
    rules: Vec<Rule>,
    flights: BTreeMap<(Instant, u64), Flight>,
    hangups: BTreeMap<(Instant, u64), (usize, DialogId)>,
    serial: u64,
    chance: Seeded,
}

pub fn address(host: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, host], 5060))
}

impl World {
    pub fn new() -> World {
        World::seeded(1)
    }

    pub fn seeded(seed: u64) -> World {
        let mut world = World {
            now: Instant::now(),
            start: Instant::now(),
            nodes: Vec::new(),
            wires: HashMap::new(),
            log: Vec::new(),
            loss_percent: 0,
            latency: Duration::from_millis(5),
            names: HashMap::new(),
            unreachable: Vec::new(),
            silent: Vec::new(),
            rules: Vec::new(),
            flights: BTreeMap::new(),
            hangups: BTreeMap::new(),
            serial: 0,
            chance: Seeded(seed),
        };
        world.start = world.now;
        world
    }

    /// Alice (node 0) at 127.0.0.1 and Bob (node 1) at 127.0.0.2.
    pub fn pair() -> World {
        let mut world = World::new();
        world.add_node(1, |_| {});
        world.add_node(2, |_| {});
        world
    }

    pub fn add_node(&mut self, host: u8, change: impl FnOnce(&mut Config)) -> usize {
        let ids = Ids::default();
        let bound = address(host);
        let listener = |transport| Listener { transport, bound };
        let mut config = Config {
            user_agent: format!("node-{host}"),
            max_dialogs: 1000,
            session_expires_s: 1800,
            min_se_s: 90,
            addresses: Addresses {
                listeners: vec![listener(Transport::Udp), listener(Transport::Tcp)],
                external: None,
                local_networks: vec![],
            },
            ids: ids.clone(),
        };
        change(&mut config);
        let entropy = Box::new(Seeded(u64::from(host) * 7919));
        let stack = Stack::new(config, Box::new(Open), Box::new(Password), entropy);
        self.nodes.push(Node {
            stack,
            address: bound,
            ids,
            events: vec![],
            auto: false,
            closed: vec![],
        });
        self.nodes.len() - 1
    }

    /// An address where the test itself speaks SIP.
    pub fn add_wire(&mut self, host: u8) -> SocketAddr {
        self.wires.insert(address(host), Vec::new());
        address(host)
    }

    /// Lose the next `times` messages that `rule` is true of.
    pub fn lose(&mut self, times: usize, rule: impl FnMut(&Message) -> bool + 'static) {
        self.rules.push((Box::new(rule), times));
    }

    pub fn command(&mut self, node: usize, command: Command) {
        let now = self.now;
        self.nodes[node].stack.command(now, command);
        self.drain();
    }

    /// Hand raw bytes to a node as if they came from `from`.
    pub fn inject(&mut self, from: SocketAddr, to: usize, bytes: &[u8]) {
        self.inject_by(Transport::Udp, from, to, bytes);
    }

    pub fn inject_by(&mut self, transport: Transport, from: SocketAddr, to: usize, bytes: &[u8]) {
        let node = &mut self.nodes[to];
        let source = Source {
            flow: flow_of(from),
            transport,
            remote: from,
            local: node.address,
        };
        match Message::parse(bytes) {
            Ok(message) => node.stack.receive(self.now, &source, message),
            Err(malformed) => node.stack.malformed(self.now, &source, malformed),
        }
        self.drain();
    }

    /// Let virtual time pass.
    pub fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        for step in 0.. {
            assert!(step < 3_000_000, "the world does not come to rest");
            self.drain();
            let flight = self.flights.keys().next().map(|(at, _)| *at);
            let hangup = self.hangups.keys().next().map(|(at, _)| *at);
            let timers = self
                .nodes
                .iter()
                .filter_map(|node| node.stack.next_timeout());
            let next = timers.chain(flight).chain(hangup).min();
            let Some(next) = next.filter(|at| *at <= end) else {
                break;
            };
            self.now = self.now.max(next);
            self.step();
        }
        self.now = end;
    }

    pub fn run_ms(&mut self, ms: u64) {
        self.run_for(Duration::from_millis(ms));
    }

    fn step(&mut self) {
        let now = self.now;
        while self.flights.keys().next().is_some_and(|(at, _)| *at <= now) {
            let (_, flight) = self.flights.pop_first().expect("just seen");
            self.deliver(flight);
        }
        while self.hangups.keys().next().is_some_and(|(at, _)| *at <= now) {
            let (_, (node, dialog)) = self.hangups.pop_first().expect("just seen");
            self.nodes[node].stack.command(
                now,
                Command::HangUp {
                    dialog,
                    headers: vec![],
                },
            );
        }
        for node in &mut self.nodes {
            if node.stack.next_timeout().is_some_and(|at| at <= now) {
                node.stack.handle_timeout(now);
            }
        }
    }

    fn deliver(&mut self, flight: Flight) {
        let Ok(message) = Message::parse(&flight.bytes) else {
            panic!("a stack sent nonsense")
        };
        if let Some(heard) = self.wires.get_mut(&flight.to) {
            return heard.push(message);
        }
        let Some(node) = self.nodes.iter_mut().find(|node| node.address == flight.to) else {
            return;
        };
        let source = Source {
            flow: flow_of(flight.from),
            transport: flight.transport,
            remote: flight.from,
            local: flight.to,
        };
        node.stack.receive(self.now, &source, message);
    }

    fn drain(&mut self) {
        for index in 0..self.nodes.len() {
            while let Some(output) = self.nodes[index].stack.poll_output() {
                self.carry_out(index, output);
            }
        }
    }

    fn carry_out(&mut self, index: usize, output: Output) {
        let now = self.now;
        match output {
            Output::Send { send, to, bytes } => {
                let target = to.target();
                if self
                    .unreachable
                    .contains(&(target.transport, target.remote))
                {
                    let why = Trouble {
                        tls: true,
                        detail: "no way there".to_owned(),
                    };
                    return self.nodes[index].stack.send_failed(now, send, why);
                }
                let message = Message::parse(&bytes).expect("a stack sent nonsense");
                let from = self.nodes[index].address;
                self.log
                    .push((now - self.start, from, target.remote, message.clone()));
                let lost = target.transport == Transport::Udp
                    && self.chance.next_u64() % 100 < self.loss_percent;
                if lost || self.silent.contains(&target.remote) || self.is_lost(&message) {
                    return;
                }
                self.serial += 1;
                let flight = Flight {
                    from,
                    to: target.remote,
                    transport: target.transport,
                    bytes,
                };
                self.flights
                    .insert((now + self.latency, self.serial), flight);
            }
            Output::Resolve { lookup, what, .. } => {
                let targets = self.locate(index, &what);
                self.nodes[index].stack.resolved(now, lookup, targets);
            }
            Output::Event(event) => {
                if self.nodes[index].auto {
                    self.react(index, &event);
                }
                self.nodes[index].events.push(event);
            }
            Output::CloseFlow(flow) => self.nodes[index].closed.push(flow),
        }
    }

    fn is_lost(&mut self, message: &Message) -> bool {
        for (rule, times) in &mut self.rules {
            if *times > 0 && rule(message) {
                *times -= 1;
                return true;
            }
        }
        false
    }

    fn locate(&self, index: usize, what: &Lookup) -> Vec<Target> {
        let local = self.nodes[index].address;
        let target = |transport, remote, flow| Target {
            flow,
            transport,
            remote,
            local,
            tls_name: None,
            identity: None,
        };
        match what {
            Lookup::Flow(flow) => {
                if self.nodes[index].closed.contains(flow) {
                    return vec![];
                }
                let remote = address(u8::try_from(flow.0).unwrap());
                vec![target(Transport::Tcp, remote, Some(*flow))]
            }
            Lookup::Uri(uri) => {
                let Ok(uri) = Uri::parse(uri) else {
                    return vec![];
                };
                let Ok(transport) = uri.transport() else {
                    return vec![];
                };
                let transport = transport.unwrap_or(Transport::Udp);
                match uri.ip() {
                    Some(ip) => vec![target(
                        transport,
                        SocketAddr::new(ip, uri.port.unwrap_or(5060)),
                        None,
                    )],
                    None => {
                        let all = self.names.get(&uri.host).cloned().unwrap_or_default();
                        all.into_iter()
                            .map(|(transport, remote)| target(transport, remote, None))
                            .collect()
                    }
                }
            }
        }
    }

    fn react(&mut self, index: usize, event: &SipEvent) {
        let now = self.now;
        self.serial += 1;
        let stack = &mut self.nodes[index].stack;
        match event {
            SipEvent::IncomingCall(call) => {
                let dialog = call.dialog;
                let (headers, reason) = (vec![], String::new());
                let reliable = self.serial.is_multiple_of(2);
                let body = if reliable { SDP.to_vec() } else { vec![] };
                stack.command(
                    now,
                    Command::Progress {
                        dialog,
                        status: 180,
                        reason,
                        headers,
                        body,
                        reliable,
                    },
                );
                stack.command(now, answer(dialog));
            }
            SipEvent::CallAnswered { dialog, .. } => {
                self.hangups.insert(
                    (now + Duration::from_secs(2), self.serial),
                    (index, *dialog),
                );
            }
            _ => {}
        }
    }
}

fn flow_of(remote: SocketAddr) -> FlowId {
    match remote {
        SocketAddr::V4(v4) => FlowId(u64::from(v4.ip().octets()[3])),
        SocketAddr::V6(_) => FlowId(0),
    }
}
