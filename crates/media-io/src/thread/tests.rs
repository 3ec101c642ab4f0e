//! Legs that are on their way from thread to thread while they are given orders: two media threads,
//! turned by hand.

use std::fs::File;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::Mutex;
use std::sync::mpsc::channel;

use bridgetap_media::{LegConfig, MediaEvent, Track};

use super::io::ForkIo;
use super::*;
use crate::connector::{ConnectorConfig, Opened};
use crate::files::FileOrder;
use crate::networks::Networks;
use crate::ports::Ports;
use crate::route::{LegRef, Order};
use crate::testing::{endpoint, leg_media};
use crate::tls::TlsClient;

struct Bench {
    threads: Vec<MediaThread>,
    mailboxes: Threads,
    ports: Ports,
    connector: Option<JoinHandle<()>>,
    files: Option<JoinHandle<()>>,
    sequence: u16,
}

impl Bench {
    fn new() -> Self {
        let config = ConnectorConfig {
            tls: TlsClient::new(true, None).unwrap(),
            networks: Networks::parse(&[], &[]).unwrap(),
            user_agent: "test".into(),
            timeout: Duration::from_secs(1),
            handshakes_per_second: 10,
        };
        let up: Arc<dyn Up> = Arc::new(Mutex::new(channel().0));
        let (connector, connector_join) = Connector::start(config).unwrap();
        let (files, files_join) = Files::start(up.clone()).unwrap();
        let (connector, files) = (Arc::new(connector), Arc::new(files));
        let mailboxes: Threads = (0..2)
            .map(|_| Arc::new(Mailbox::new(100).unwrap()))
            .collect();
        let threads = (0..2).map(|index| {
            MediaThread::new(ThreadParts {
                index,
                shard: ShardConfig::new(Instant::now(), 0),
                threads: mailboxes.clone(),
                connector: connector.clone(),
                files: files.clone(),
                up: up.clone(),
                published: Arc::default(),
            })
            .unwrap()
        });
        Self {
            threads: threads.collect(),
            mailboxes,
            ports: Ports::new(40_000, 49_998, usize::from(std::process::id() as u16)).unwrap(),
            connector: Some(connector_join),
            files: Some(files_join),
            sequence: 0,
        }
    }

    /// A leg that lives on that thread. What it sends goes to a port that nobody reads.
    fn leg(&mut self, id: u64, home: usize) -> Arc<LegRef> {
        let leg = Arc::new(LegRef::new(LegId(id), String::new(), home));
        let order = Order::Open {
            config: LegConfig {
                id: LegId(id),
                ssrc: id as u32,
                first_sequence: 0,
                first_timestamp: 0,
                seed: id,
            },
            sockets: self.ports.bind([127, 0, 0, 1].into()).unwrap(),
            leg: leg.clone(),
        };
        leg.start(&self.mailboxes, order).unwrap();
        let media = Box::new(leg_media(far_end(id)));
        self.order(&leg, Command::Configure { leg: leg.id, media });
        self.turn(home);
        leg
    }

    fn order(&self, leg: &LegRef, command: Command) {
        leg.end(&self.mailboxes, Order::Shard(command));
    }

    fn bridge(&self, one: &LegRef, other: &LegRef) {
        let order = Command::Bridge {
            leg: one.id,
            other: other.id,
        };
        one.join(other, &self.mailboxes, Order::Shard(order))
            .unwrap();
    }

    fn turn(&mut self, index: usize) {
        let now = Instant::now();
        let thread = &mut self.threads[index];
        thread.take_orders(now);
        thread.settle(now);
        assert!((0..9).any(|_| thread.hand_over(now)), "nobody is at it");
    }

    /// How many datagrams thread 0 sends when a party says something on that leg.
    fn answers(&mut self, leg: &LegRef) -> u64 {
        let thread = &mut self.threads[0];
        let before = thread.io.counts.datagrams_sent;
        let start = Instant::now();
        for n in 0..20 {
            self.sequence += 1;
            let mut packet = rtp_packet(self.sequence);
            let now = start + Duration::from_millis(20 * n);
            let from = far_end(leg.id.0);
            let io = &mut thread.io;
            thread.shard.receive_rtp(now, leg.id, from, &mut packet, io);
        }
        thread.io.flush();
        thread.io.counts.datagrams_sent - before
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let parts = &self.threads[0].parts;
        parts.connector.stop();
        parts.files.order(FileOrder::Stop);
        for join in [self.connector.take(), self.files.take()] {
            join.unwrap().join().unwrap();
        }
    }
}

fn far_end(id: u64) -> SocketAddr {
    ([127, 0, 0, 1], 39_000 + id as u16).into()
}

/// 20 ms of PCMU.
fn rtp_packet(sequence: u16) -> [u8; 172] {
    let mut packet = [0x55; 172];
    packet[..2].copy_from_slice(&[0x80, 0]);
    packet[2..4].copy_from_slice(&sequence.to_be_bytes());
    packet[4..8].copy_from_slice(&(u32::from(sequence) * 160).to_be_bytes());
    packet[8..12].copy_from_slice(&[9; 4]);
    packet
}

#[test]
fn a_bridge_waits_for_whichever_of_the_two_is_under_way() {
    for turned in [false, true] {
        let mut bench = Bench::new();
        let [first, second, third] = [(1, 0), (2, 1), (3, 0)].map(|(id, home)| bench.leg(id, home));
        bench.bridge(&first, &second);
        if turned {
            bench.bridge(&second, &third);
        } else {
            bench.bridge(&third, &second);
        }
        bench.turn(0);
        bench.turn(1);
        bench.turn(0);
        assert_eq!(bench.answers(&second), 20, "to the third");
        assert_eq!(bench.answers(&third), 20);
        assert_eq!(bench.answers(&first), 0);
    }
}

#[test]
fn what_is_ordered_behind_an_order_that_waits_comes_behind_it() {
    let mut bench = Bench::new();
    let [first, leader, follower] = [(1, 0), (2, 1), (3, 0)].map(|(id, home)| bench.leg(id, home));
    bench.bridge(&first, &leader);
    let copy = Command::Copy {
        leg: leader.id,
        track: Track::Inbound,
        to: follower.id,
    };
    let mailboxes = bench.mailboxes.clone();
    leader
        .lead(&follower, &mailboxes, Order::Shard(copy))
        .unwrap();
    bench.order(&follower, Command::EndCopy { to: follower.id });
    bench.order(&first, Command::Unbridge { leg: first.id });
    for thread in [0, 1, 0] {
        bench.turn(thread);
    }
    assert_eq!(bench.answers(&leader), 0, "neither copied nor relayed");
}

#[test]
fn a_leg_that_waits_for_another_may_be_given_away() {
    let mut bench = Bench::new();
    let [older, second, third, fourth] =
        [(1, 1), (2, 0), (3, 1), (4, 0)].map(|(id, home)| bench.leg(id, home));
    bench.bridge(&second, &third);
    bench.bridge(&third, &fourth);
    bench.turn(0);
    bench.bridge(&older, &fourth);
    for thread in [0, 1, 0, 1] {
        bench.turn(thread);
    }
    assert!(
        bench
            .threads
            .iter()
            .all(|thread| thread.expected.is_empty())
    );
    bench.threads.swap(0, 1);
    assert_eq!(bench.answers(&older), 20, "to the fourth");
}

#[test]
fn what_came_over_a_socket_that_cannot_be_watched_is_nobody_elses() {
    let mut bench = Bench::new();
    let fork = ForkId(9);
    let thread = &mut bench.threads[0];
    let io = ForkIo {
        leg: LegId(1),
        connecting: true,
        speaks: true,
        route: None,
    };
    thread.io.forks.insert(fork, io);
    let client = TlsClient::new(true, None).unwrap();
    let opened = Opened {
        // epoll takes no such file.
        socket: OwnedFd::from(File::open("/dev/null").unwrap()).into(),
        tls: Box::new(client.connection(&endpoint("localhost", 1)).unwrap()),
        early: b"\x81\x05hello".to_vec(),
        kept: None,
    };
    thread.connected(fork, Ok(Box::new(opened)), Instant::now());
    assert!(thread.io.conns.is_empty());
    assert!(thread.heard.is_empty());
}

/// The far end of a leg speaks into its socket; every packet is 20 ms.
struct Phone {
    socket: UdpSocket,
    to: SocketAddr,
    sequence: u16,
}

impl Phone {
    fn new(thread: &MediaThread, leg: &LegRef) -> Self {
        let key = thread.io.leg_keys[&leg.id];
        let to = thread.io.legs[key].sockets.rtp.local_addr().unwrap();
        let socket = UdpSocket::bind((to.ip(), 0)).unwrap();
        Self {
            socket,
            to,
            sequence: 0,
        }
    }

    fn speak(&mut self, packets: u16) {
        for _ in 0..packets {
            self.socket
                .send_to(&rtp_packet(self.sequence), self.to)
                .unwrap();
            self.sequence += 1;
        }
    }
}

#[test]
fn what_came_while_there_was_no_processor_is_heard_before_it_is_given_up() {
    let mut bench = Bench::new();
    let [party, recorder] = [(1, 0), (2, 0)].map(|(id, home)| bench.leg(id, home));
    let copy = Command::Copy {
        leg: party.id,
        track: Track::Inbound,
        to: recorder.id,
    };
    bench.order(&party, copy);
    bench.turn(0);
    let thread = &mut bench.threads[0];
    let mut phone = Phone::new(thread, &party);
    for _ in 0..5 {
        phone.speak(1);
        thread.round();
        thread::sleep(Duration::from_millis(20));
    }
    thread::sleep(Duration::from_millis(300)); // this is the thread that cannot go on
    phone.speak(15);
    let sent = thread.io.counts.datagrams_sent;
    thread.round();
    assert_eq!(thread.io.counts.datagrams_sent - sent, 15);
    thread.command(Command::CloseLeg { leg: party.id }, Instant::now());
    let figures = thread.io.outbox.iter().find_map(|event| match event {
        MediaEvent::LegClosed { stats } => Some((stats.late, stats.filled_ms)),
        _ => None,
    });
    assert_eq!(figures, Some((0, 0)));
}

#[test]
fn nobody_wakes_a_thread_by_a_line_that_hears_nobody() {
    let mut bench = Bench::new();
    let [other, party, line] = [(1, 1), (2, 0), (3, 0)].map(|(id, home)| bench.leg(id, home));
    let mut recorder = Phone::new(&bench.threads[0], &line);
    let mut wakes = |bench: &mut Bench, index: usize| {
        recorder.speak(1);
        let poller = &mut bench.threads[index].poller;
        poller.wait(Some(Duration::ZERO)).unwrap()
    };
    assert_eq!(wakes(&mut bench, 0), 1);
    let mailboxes = bench.mailboxes.clone();
    let copy = Order::Shard(Command::Copy {
        leg: party.id,
        track: Track::Inbound,
        to: line.id,
    });
    party.lead(&line, &mailboxes, copy).unwrap();
    bench.turn(0);
    assert_eq!(wakes(&mut bench, 0), 0);
    bench.bridge(&other, &party);
    for thread in [0, 1] {
        bench.turn(thread);
    }
    assert_eq!(wakes(&mut bench, 1), 0, "it went along");
    bench.order(&line, Command::EndCopy { to: line.id });
    bench.turn(1);
    assert_eq!(wakes(&mut bench, 1), 1);
}
