//! Whatever comes from the network and in whatever order orders are given: no panic, nothing
//! sent twice, and exactly one end for every start.

mod acts;

use std::collections::BTreeMap;

use bridgetap_media::{
    CaptureFrom, Channels, Codec, Command, Direction, Failure, ForkEndpoint, ForkId, LegId,
    MediaEvent, PlayId, RecordId, RemoteClose, Resume, Track,
};
use proptest::prelude::*;
use serde_json::Value;

use self::acts::{Act, Stream, act};
use crate::world::*;

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
    fn new(coalesce: u64) -> Self {
        let mut fuzz = Self {
            world: World::with(|config| {
                config.rtp_timeout = ms(500);
                config.coalesce = ms(coalesce);
            }),
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

    fn fork(&mut self, leg: u8, stream: Stream) {
        let id = self.id();
        let resumes = resumes(ForkId(id));
        let speaks = stream.speaks && !resumes;
        let tracks: Vec<Track> = Track::ALL
            .into_iter()
            .filter(|track| match speaks {
                true => *track == Track::Inbound,
                false => stream.tracks & (1 << *track as u8) != 0,
            })
            .collect();
        self.forks.push(ForkId(id));
        let leg = self.legs[&leg];
        self.world.fork_with(leg, id, &tracks, |target| {
            target.max_lag_ms = 500;
            target.overflow = stream.overflow;
            target.bidirectional = speaks;
            target.stream_sid = "MZ".into();
            target.endpoints = vec![ForkEndpoint::default(); stream.endpoints];
            target.resume = resumes.then_some(Resume {
                overlap_ms: 200,
                ring_ms: 1000,
            });
            if !speaks {
                target.shape = stream.shape;
            }
            if tracks.len() < 2 {
                target.shape.channels = Channels::Separate;
            }
            if stream.from_creation {
                target.capture_from = CaptureFrom::Create;
            }
        });
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
            Act::Fork(leg, stream) => self.fork(leg, stream),
            Act::Opened(fork, kept) => {
                let fork = self.fork_named(fork);
                self.world
                    .shard
                    .fork_opened(now, fork, kept, &mut self.world.net);
                self.world.pull();
            }
            Act::Heard(fork, text) => {
                let fork = self.fork_named(fork);
                self.world
                    .shard
                    .fork_heard(now, fork, &text, &mut self.world.net);
                self.world.pull();
            }
            Act::HeardBinary(fork, bytes) => {
                let fork = self.fork_named(fork);
                self.world
                    .shard
                    .fork_heard_binary(now, fork, bytes, &mut self.world.net);
            }
            Act::TellFork(fork) => self.world.order(Command::TellFork {
                fork: self.fork_named(fork),
                event: "hold".into(),
                body: r#"{"track":"inbound"}"#.into(),
            }),
            Act::TellKey(leg) => self.world.order(Command::TellKey {
                leg: self.legs[&leg],
                key: '7',
            }),
            Act::Copy(leg, inbound, to) => self.world.order(Command::Copy {
                leg: self.legs[&leg],
                track: if inbound {
                    Track::Inbound
                } else {
                    Track::Outbound
                },
                to: self.legs[&to],
            }),
            Act::EndCopy(to) => self.world.order(Command::EndCopy { to: self.legs[&to] }),
            Act::Beep(leg) => self.world.order(Command::Beep {
                leg: self.legs[&leg],
            }),
            Act::EndBeep(leg) => self.world.order(Command::EndBeep {
                leg: self.legs[&leg],
            }),
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
    fn everything_started_ends_once_and_nothing_panics(
        acts in prop::collection::vec(act(), 1..120),
        coalesce in prop_oneof![Just(0_u64), Just(20)],
    ) {
        let mut fuzz = Fuzz::new(coalesce);
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
            if resumes(*fork) && world.binary.contains_key(fork) {
                continue; // texts and frames are not kept in one order here
            }
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
            let texts = world.messages(*fork);
            let text = |message: &Value| message["sequenceNumber"].as_str().unwrap().parse::<u64>().unwrap();
            let binary = world.binary.get(fork).into_iter().flatten();
            let binary = binary.map(|frame| u64::from_le_bytes(frame[8..16].try_into().unwrap()));
            let mut numbers: Vec<u64> = texts.iter().skip(1).map(text).chain(binary).collect();
            numbers.sort_unstable();
            prop_assert_eq!(&numbers, &(1..=numbers.len() as u64).collect::<Vec<_>>());
        }
    }
}
