//! The pretend network: a shard, far servers that take or refuse, a clock that goes as far as it
//! is told.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bridgetap_media::{
    Codec, Command, Direction, ForkEnded, ForkEndpoint, ForkFrame, ForkId, ForkTarget, LegConfig,
    LegId, LegMedia, MediaEvent, PlayId, Shard, ShardConfig, Track,
};
use serde_json::Value;

pub use crate::net::{Net, Sent};
pub use crate::party::{Party, prompt, rtp};
pub use crate::sound::{decode, heard, is_silent, is_tone, purity};

pub fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub struct World {
    pub epoch: Instant,
    pub shard: Shard,
    pub net: Net,
    /// What far servers have been sent, in order.
    pub frames: BTreeMap<ForkId, Vec<String>>,
    /// The binary ones among them.
    pub binary: BTreeMap<ForkId, Vec<Vec<u8>>>,
    /// Far servers that take nothing at the moment.
    pub stalled: HashSet<ForkId>,
    text: Vec<u8>,
}

pub const EPOCH_NTP: u64 = 0xEB00_0000 << 32;

impl World {
    pub fn new() -> Self {
        Self::with(|_| ())
    }

    pub fn with(change: impl FnOnce(&mut ShardConfig)) -> Self {
        let epoch = Instant::now();
        let mut config = ShardConfig::new(epoch, EPOCH_NTP);
        change(&mut config);
        Self {
            epoch,
            shard: Shard::new(config),
            net: Net::default(),
            frames: BTreeMap::new(),
            binary: BTreeMap::new(),
            stalled: HashSet::new(),
            text: Vec::new(),
        }
    }

    pub fn now(&self) -> Instant {
        self.epoch + self.net.now
    }

    pub fn order(&mut self, command: Command) {
        self.shard
            .command(self.epoch + self.net.now, command, &mut self.net);
        self.pull();
    }

    /// A leg that has agreed on `codec` with a peer at port `4000 + 2 id`.
    pub fn leg(&mut self, id: u64, codec: Codec) -> LegId {
        let leg = LegId(id);
        self.order(Command::OpenLeg(LegConfig {
            id: leg,
            ssrc: 0xB000 + id as u32,
            first_sequence: 65_500,
            first_timestamp: u32::MAX - 10_000,
            seed: id,
        }));
        self.configure(leg, media(id, codec));
        leg
    }

    pub fn configure(&mut self, leg: LegId, media: LegMedia) {
        self.order(Command::Configure {
            leg,
            media: Box::new(media),
        });
    }

    pub fn fork(&mut self, leg: LegId, id: u64, tracks: &[Track]) -> ForkId {
        self.fork_with(leg, id, tracks, |_| ())
    }

    pub fn fork_with(
        &mut self,
        leg: LegId,
        id: u64,
        tracks: &[Track],
        change: impl FnOnce(&mut ForkTarget),
    ) -> ForkId {
        let fork = ForkId(id);
        let mut target = ForkTarget {
            stream_sid: format!("MZ{id}"),
            call_sid: "CA1".into(),
            account_sid: "AC1".into(),
            endpoints: vec![ForkEndpoint::default()],
            tracks: tracks.to_vec(),
            ..ForkTarget::default()
        };
        change(&mut target);
        self.order(Command::StartFork {
            leg,
            fork,
            target: Arc::new(target),
        });
        fork
    }

    /// The far server answers 101.
    pub fn open(&mut self, fork: ForkId) {
        let now = self.now();
        self.shard.fork_opened(now, fork, None, &mut self.net);
        self.pull();
    }

    /// A fork that is open at once.
    pub fn open_fork(&mut self, leg: LegId, id: u64, tracks: &[Track]) -> ForkId {
        let fork = self.fork(leg, id, tracks);
        self.open(fork);
        fork
    }

    /// Write what ready forks have for servers that take it.
    pub fn pull(&mut self) {
        let now = self.now();
        for fork in std::mem::take(&mut self.net.ready) {
            if self.stalled.contains(&fork) {
                self.net.ready.push(fork);
                continue;
            }
            loop {
                self.text.clear();
                let frame = self
                    .shard
                    .fork_next(now, fork, &mut self.text, &mut self.net);
                let Some(frame) = frame else {
                    break;
                };
                if frame == ForkFrame::Binary {
                    let bytes = self.text.clone();
                    self.binary.entry(fork).or_default().push(bytes);
                } else {
                    let text = String::from_utf8(self.text.clone()).unwrap();
                    self.frames.entry(fork).or_default().push(text);
                }
                if frame == ForkFrame::Stop {
                    self.shard.fork_written(now, fork, 0, &mut self.net);
                }
            }
        }
    }

    pub fn run_to(&mut self, at: Duration) {
        while let Some(due) = self
            .shard
            .next_timeout()
            .filter(|due| *due <= self.epoch + at)
        {
            self.net.now = self.net.now.max(due - self.epoch);
            self.shard
                .handle_timeout(self.epoch + self.net.now, &mut self.net);
            self.pull();
        }
        self.net.now = at;
    }

    pub fn run(&mut self, time: Duration) {
        self.run_to(self.net.now + time);
    }

    pub fn receive(&mut self, leg: LegId, from: SocketAddr, mut datagram: Vec<u8>) {
        let now = self.now();
        self.shard
            .receive_rtp(now, leg, from, &mut datagram, &mut self.net);
        self.pull();
    }

    /// Let all parties speak for a while, each packet when it is due.
    pub fn talk(&mut self, parties: &mut [&mut Party], time: Duration) {
        let end = self.net.now + time;
        for party in parties.iter_mut() {
            party.due = party.due.max(self.net.now + party.phase);
        }
        loop {
            let next = parties.iter_mut().min_by_key(|party| party.due).unwrap();
            if next.due >= end {
                break;
            }
            self.run_to(next.due);
            let (leg, address, datagram) = next.packet();
            self.receive(leg, address, datagram);
        }
        self.run_to(end);
    }

    /// RTP sent on this leg.
    pub fn sent_on(&self, leg: LegId) -> Vec<Sent> {
        self.net
            .rtp
            .iter()
            .filter(|sent| sent.leg == leg)
            .cloned()
            .collect()
    }

    /// Everything this leg was sent of a payload type, decoded.
    pub fn heard_by(&self, leg: LegId, payload_type: u8, codec: Codec) -> Vec<i16> {
        let sent = self.sent_on(leg);
        let audio = sent
            .iter()
            .filter(|sent| sent.payload_type() == payload_type);
        decode(
            codec,
            &audio
                .flat_map(|sent| sent.payload().to_vec())
                .collect::<Vec<u8>>(),
        )
    }

    pub fn messages(&self, fork: ForkId) -> Vec<Value> {
        let frames = self.frames.get(&fork);
        frames
            .into_iter()
            .flatten()
            .map(|text| serde_json::from_str(text).unwrap())
            .collect()
    }

    /// The µ-law audio of one track, in the order it was sent.
    pub fn track(&self, fork: ForkId, track: Track) -> Vec<u8> {
        use base64::Engine as _;
        let messages = self.messages(fork);
        let media = messages
            .iter()
            .filter(|m| m["media"]["track"] == track.name());
        media
            .flat_map(|m| {
                let payload = m["media"]["payload"].as_str().unwrap();
                base64::engine::general_purpose::STANDARD
                    .decode(payload)
                    .unwrap()
            })
            .collect()
    }

    pub fn events(&self) -> Vec<&MediaEvent> {
        self.net.events.iter().map(|(_, event)| event).collect()
    }

    pub fn pressed(&self, leg: LegId) -> String {
        self.events()
            .iter()
            .filter_map(|event| match event {
                MediaEvent::DtmfPressed { leg: l, digit, .. } if *l == leg => Some(*digit),
                _ => None,
            })
            .collect()
    }

    pub fn fork_ends(&self) -> Vec<ForkEnded> {
        self.events()
            .iter()
            .filter_map(|event| match event {
                MediaEvent::ForkEnded(ended) => Some(ended.clone()),
                _ => None,
            })
            .collect()
    }

    pub fn play_ends(&self) -> Vec<(PlayId, bool)> {
        self.events()
            .iter()
            .filter_map(|event| match event {
                MediaEvent::PlayEnded {
                    play, completed, ..
                } => Some((*play, *completed)),
                _ => None,
            })
            .collect()
    }
}

pub fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

pub fn payload_type(codec: Codec) -> u8 {
    match codec {
        Codec::Pcmu => 0,
        Codec::Pcma => 8,
        Codec::G722 => 9,
    }
}

/// What leg `id` agrees on unless a test says otherwise.
pub fn media(id: u64, codec: Codec) -> LegMedia {
    LegMedia {
        remote: address(4000 + 2 * (id % 1000) as u16),
        remote_rtcp: None,
        codec,
        payload_type: payload_type(codec),
        receive: [Codec::Pcmu, Codec::Pcma, Codec::G722]
            .map(|codec| (payload_type(codec), codec))
            .to_vec(),
        telephone_event: Some(100 + (id % 20) as u8),
        receive_telephone_event: None,
        comfort_noise: None,
        direction: Direction::SendRecv,
        ptime_ms: 20,
        symmetric: true,
        inband_dtmf: false,
        cname: format!("leg{id}@test"),
        srtp: None,
    }
}
