//! Whatever comes from the network and in whatever order orders are given: no panic, nothing
//! sent twice, and exactly one end for every start.

use std::collections::BTreeMap;

use bridgetap_media::{
    CaptureFrom, Codec, Command, Direction, Failure, ForkId, LegId, MediaEvent, PlayId, RecordId,
    RemoteClose, Resume, Track,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::world::*;

#[derive(Debug, Clone)]
enum Act {
    Bytes(u8, u16, Vec<u8>),
    Rtp(u8, u8, u16, u32, u8, usize),
    Rtcp(u8, Vec<u8>),
    Event(u8, u8, u32, [u8; 4]),
    Wait(u64),
    Configure(u8, u8, u8, bool),
    Bridge(u8, u8),
    Unbridge(u8),
    Exchange(u8, u8),
    Play(u8, u16, u32),
    StopPlay(u8),
    Keys(u8, String),
    Fork(u8, bool, u8),
    Opened(u8),
    Written(u8, usize),
    StopFork(u8),
    RemoteClosed(u8, u16),
    Failed(u8),
    Stall(u8),
    Record(u8, bool),
    StopRecord(u8),
    Close(u8),
    Reopen(u8),
    Move(u8),
}

fn act() -> impl Strategy<Value = Act> {
    let leg = 1_u8..5;
    let bytes = || prop::collection::vec(any::<u8>(), 0..300);
    prop_oneof![
        2 => (leg.clone(), 4000_u16..4010, bytes()).prop_map(|(l, p, b)| Act::Bytes(l, p, b)),
        20 => (leg.clone(), prop_oneof![Just(0), Just(8), Just(9), Just(13), Just(101), Just(102), any::<u8>()],
            prop_oneof![0_u16..50, any::<u16>()], prop_oneof![0_u32..9000, any::<u32>()], 0_u8..3, 0_usize..1700)
            .prop_map(|(l, t, s, ts, ssrc, n)| Act::Rtp(l, t, s, ts, ssrc, n)),
        1 => (leg.clone(), bytes()).prop_map(|(l, b)| Act::Rtcp(l, b)),
        4 => (leg.clone(), 100_u8..105, any::<u32>(), any::<[u8; 4]>()).prop_map(|(l, t, ts, e)| Act::Event(l, t, ts, e)),
        10 => prop_oneof![0_u64..50, 0_u64..3000].prop_map(Act::Wait),
        2 => (leg.clone(), 0_u8..3, 0_u8..4, any::<bool>()).prop_map(|(l, c, d, e)| Act::Configure(l, c, d, e)),
        2 => (leg.clone(), 1_u8..5).prop_map(|(a, b)| Act::Bridge(a, b)),
        1 => leg.clone().prop_map(Act::Unbridge),
        1 => (leg.clone(), 1_u8..5).prop_map(|(a, b)| Act::Exchange(a, b)),
        2 => (leg.clone(), 0_u16..500, 0_u32..3).prop_map(|(l, t, n)| Act::Play(l, t, n)),
        1 => leg.clone().prop_map(Act::StopPlay),
        1 => (leg.clone(), "[0-9wA-F#*x]{0,4}").prop_map(|(l, d)| Act::Keys(l, d)),
        3 => (leg.clone(), any::<bool>(), 1_u8..4).prop_map(|(l, c, t)| Act::Fork(l, c, t)),
        3 => (0_u8..20).prop_map(Act::Opened),
        1 => (0_u8..20, 0_usize..200_000).prop_map(|(f, n)| Act::Written(f, n)),
        1 => (0_u8..20).prop_map(Act::StopFork),
        1 => (0_u8..20, any::<u16>()).prop_map(|(f, c)| Act::RemoteClosed(f, c)),
        1 => (0_u8..20).prop_map(Act::Failed),
        1 => (0_u8..20).prop_map(Act::Stall),
        1 => (leg.clone(), any::<bool>()).prop_map(|(l, b)| Act::Record(l, b)),
        1 => (0_u8..10).prop_map(Act::StopRecord),
        1 => leg.clone().prop_map(Act::Close),
        1 => leg.clone().prop_map(Act::Reopen),
        1 => leg.prop_map(Act::Move),
    ]
}

struct Fuzz {
    world: World,
    next: u64,
    plays: Vec<PlayId>,
    forks: Vec<ForkId>,
    records: Vec<RecordId>,
    /// Legs are opened anew under new ids.
    legs: BTreeMap<u8, LegId>,
    opened: Vec<LegId>,
}

impl Fuzz {
    fn new() -> Self {
        let mut fuzz = Self {
            world: World::with(|config| config.rtp_timeout = ms(500)),
            next: 0,
            plays: Vec::new(),
            forks: Vec::new(),
            records: Vec::new(),
            legs: BTreeMap::new(),
            opened: Vec::new(),
        };
        (1..5).for_each(|n| fuzz.reopen(n));
        fuzz
    }

    fn id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn reopen(&mut self, name: u8) {
        if let Some(&leg) = self.legs.get(&name) {
            self.world.order(Command::CloseLeg { leg });
        }
        let id = 10 * self.id() + u64::from(name);
        let leg = self.world.leg(id, Codec::Pcmu);
        self.world
            .configure(leg, media(u64::from(name), Codec::Pcmu));
        self.legs.insert(name, leg);
        self.opened.push(leg);
    }

    fn fork_named(&self, n: u8) -> ForkId {
        self.forks
            .get(usize::from(n))
            .copied()
            .unwrap_or(ForkId(u64::MAX))
    }

    fn act(&mut self, act: Act) {
        let now = self.world.now();
        match act {
            Act::Bytes(leg, port, bytes) => {
                self.world.receive(self.legs[&leg], address(port), bytes)
            }
            Act::Rtp(leg, kind, sequence, timestamp, ssrc, length) => {
                let packet = rtp(kind, sequence, timestamp, ssrc.into(), &vec![0x33; length]);
                self.world
                    .receive(self.legs[&leg], address(4000 + 2 * u16::from(leg)), packet);
            }
            Act::Event(leg, kind, timestamp, payload) => {
                let packet = rtp(kind, timestamp as u16 % 100, timestamp, 1, &payload);
                self.world
                    .receive(self.legs[&leg], address(4000 + 2 * u16::from(leg)), packet);
            }
            Act::Rtcp(leg, mut bytes) => {
                let from = address(4000 + 2 * u16::from(leg));
                self.world.shard.receive_rtcp(
                    now,
                    self.legs[&leg],
                    from,
                    &mut bytes,
                    &mut self.world.net,
                );
            }
            Act::Wait(time) => self.world.run(ms(time)),
            Act::Configure(leg, codec, direction, events) => {
                let codec = [Codec::Pcmu, Codec::Pcma, Codec::G722][usize::from(codec)];
                let mut agreed = media(leg.into(), codec);
                agreed.direction = [
                    Direction::SendRecv,
                    Direction::SendOnly,
                    Direction::RecvOnly,
                    Direction::Inactive,
                ][usize::from(direction)];
                if !events {
                    agreed.telephone_event = None;
                }
                self.world.configure(self.legs[&leg], agreed);
            }
            Act::Bridge(a, b) => self.world.order(Command::Bridge {
                leg: self.legs[&a],
                other: self.legs[&b],
            }),
            Act::Unbridge(leg) => self.world.order(Command::Unbridge {
                leg: self.legs[&leg],
            }),
            Act::Exchange(a, b) => self.world.order(Command::Exchange {
                leg: self.legs[&a],
                other: self.legs[&b],
            }),
            Act::Play(leg, time, loops) => {
                let play = PlayId(self.id());
                self.plays.push(play);
                let prompts = vec![prompt(500.0, ms(time.into())), prompt(700.0, ms(30))];
                self.world.order(Command::Play {
                    leg: self.legs[&leg],
                    play,
                    prompts,
                    loops,
                });
            }
            Act::StopPlay(leg) => self.world.order(Command::StopPlay {
                leg: self.legs[&leg],
            }),
            Act::Keys(leg, digits) => {
                let play = PlayId(self.id());
                self.plays.push(play);
                let leg = self.legs[&leg];
                self.world.order(Command::SendDtmf {
                    leg,
                    play,
                    digits,
                    duration_ms: 60,
                    gap_ms: 20,
                });
            }
            Act::Fork(leg, create, tracks) => {
                let id = self.id();
                let tracks: Vec<Track> = Track::ALL
                    .into_iter()
                    .filter(|t| tracks & (1 << *t as u8) != 0)
                    .collect();
                self.forks.push(ForkId(id));
                self.world
                    .fork_with(self.legs[&leg], id, &tracks, |target| {
                        target.max_lag_ms = 500;
                        target.resume = resumes(ForkId(id)).then_some(Resume {
                            overlap_ms: 200,
                            ring_ms: 1000,
                        });
                        target.capture_from = if create {
                            CaptureFrom::Create
                        } else {
                            CaptureFrom::Open
                        };
                    });
            }
            Act::Opened(fork) => self.world.open(self.fork_named(fork)),
            Act::Written(fork, bytes) => {
                self.world.shard.fork_written(
                    now,
                    self.fork_named(fork),
                    bytes,
                    &mut self.world.net,
                );
            }
            Act::StopFork(fork) => self.world.order(Command::StopFork {
                fork: self.fork_named(fork),
            }),
            Act::RemoteClosed(fork, code) => {
                let close = RemoteClose {
                    close_code: (code > 100).then_some(code),
                    detail: String::new(),
                };
                self.world.shard.fork_remote_closed(
                    now,
                    self.fork_named(fork),
                    close,
                    &mut self.world.net,
                );
            }
            Act::Failed(fork) => {
                self.world.shard.fork_failed(
                    now,
                    self.fork_named(fork),
                    Failure::new(31901, "x"),
                    &mut self.world.net,
                );
            }
            Act::Stall(fork) => {
                let fork = self.fork_named(fork);
                if !self.world.stalled.remove(&fork) {
                    self.world.stalled.insert(fork);
                }
            }
            Act::Record(leg, both) => {
                let record = RecordId(self.id());
                self.records.push(record);
                let tracks = if both {
                    Track::ALL.to_vec()
                } else {
                    vec![Track::Outbound]
                };
                self.world.order(Command::StartRecord {
                    leg: self.legs[&leg],
                    record,
                    tracks,
                });
            }
            Act::StopRecord(n) => {
                if let Some(&record) = self.records.get(usize::from(n)) {
                    self.world.order(Command::StopRecord { record });
                }
            }
            Act::Close(leg) => self.world.order(Command::CloseLeg {
                leg: self.legs[&leg],
            }),
            Act::Reopen(leg) => self.reopen(leg),
            Act::Move(leg) => {
                if let Some(moved) = self.world.shard.take_leg(self.legs[&leg]) {
                    self.world.shard.insert_leg(now, moved, &mut self.world.net);
                    self.world.pull();
                }
            }
        }
    }
}

/// Every other fork is resumed when its connection breaks.
fn resumes(fork: ForkId) -> bool {
    fork.0.is_multiple_of(2)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn everything_started_ends_once_and_nothing_panics(acts in prop::collection::vec(act(), 1..120)) {
        let mut fuzz = Fuzz::new();
        for act in acts {
            fuzz.act(act);
        }
        for leg in fuzz.opened.clone() {
            fuzz.world.order(Command::CloseLeg { leg });
        }
        fuzz.world.run(ms(10_000));
        let world = &fuzz.world;
        prop_assert_eq!((world.shard.leg_count(), world.shard.fork_count()), (0, 0));
        prop_assert_eq!(world.shard.next_timeout(), None);

        let mut ended: Vec<PlayId> = world.play_ends().iter().map(|end| end.0).collect();
        ended.sort_unstable();
        prop_assert_eq!(&ended, &fuzz.plays);
        let mut ended: Vec<ForkId> = world.fork_ends().iter().map(|end| end.fork).collect();
        ended.sort_unstable();
        prop_assert_eq!(&ended, &fuzz.forks);
        let mut ended = world.net.ended_records.clone();
        ended.sort_unstable();
        prop_assert_eq!(&ended, &fuzz.records);
        let closed = world.events().iter().filter(|e| matches!(e, MediaEvent::LegClosed { .. })).count();
        prop_assert_eq!(closed, fuzz.opened.len());

        // Each party's sequence numbers go out once, however it was bridged, played to and moved.
        let mut seen = std::collections::HashSet::new();
        for sent in &world.net.rtp {
            let number = (sent.ssrc(), sent.sequence());
            prop_assert!(seen.insert(number), "{number:?} twice, on {:?}", sent.leg);
        }
        // Every fork's messages are numbered without a gap, or the gap is told.
        for fork in &fuzz.forks {
            if resumes(*fork) {
                let mut last = None;
                for message in world.messages(*fork) {
                    let number = |value: &Value| value.as_str().unwrap().parse::<u64>().unwrap();
                    let first = match message["event"].as_str().unwrap() {
                        "connected" => {
                            last = None;
                            continue;
                        }
                        "start" => continue,
                        "gap" => number(&message["gap"]["firstSequence"]),
                        _ => number(&message["sequenceNumber"]),
                    };
                    prop_assert!(last.is_none_or(|last| first == last + 1), "{message}");
                    last = Some(number(&message["sequenceNumber"]));
                }
                continue;
            }
            for (n, message) in world.messages(*fork).iter().skip(1).enumerate() {
                prop_assert_eq!(&message["sequenceNumber"], &serde_json::json!((n + 1).to_string()));
            }
        }
    }
}
