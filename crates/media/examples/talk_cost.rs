//! What a far end that speaks costs the media thread: `cargo run --release -p bridgetap-media --example talk_cost`.
//!
//! A message is read, decoded and queued on the thread that moves packets, so the longest one is how
//! long everything else may wait. No sockets, no TLS. The time is that of the processor (Linux alone
//! tells it), so that other work on the machine does not count.

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridgetap_media::{
    Codec, Command, Direction, ForkDial, ForkId, ForkTarget, LegConfig, LegId, LegMedia, LegStats,
    MediaEvent, RecordId, Shard, ShardConfig, Sink,
};

const FORK: ForkId = ForkId(1);
const LEG: LegId = LegId(1);
const ROUNDS: u32 = 20;

struct Nowhere;

impl Sink for Nowhere {
    fn send_rtp(&mut self, _leg: LegId, _to: SocketAddr, datagram: &[u8]) {
        black_box(datagram);
    }
    fn send_rtcp(&mut self, _leg: LegId, _to: SocketAddr, _datagram: &[u8]) {}
    fn fork_ready(&mut self, _fork: ForkId) {}
    fn fork_dial(&mut self, _fork: ForkId, _dial: ForkDial) {}
    fn event(&mut self, _event: MediaEvent) {}
    fn record_samples(&mut self, _record: RecordId, _channels: usize, _samples: &[i16]) {}
    fn record_ended(&mut self, _leg: LegId, _record: RecordId) {}
    fn leg_stats(&mut self, _stats: &LegStats) {}
}

fn main() {
    for (what, bytes, times) in [
        ("media, 20 ms (160 bytes)", 160, 20_000),
        ("media, 1 s (8000 bytes)", 8000, 500),
        ("media, 98 s (the longest: 1 MiB of text)", 786_000, 5),
    ] {
        let audio: Vec<u8> = (0..bytes).map(|n| n as u8).collect();
        let payload = STANDARD.encode(audio);
        let text =
            format!(r#"{{"event":"media","streamSid":"MZ1","media":{{"payload":"{payload}"}}}}"#);
        println!("{what:42} {:>10.2} µs", hear(text.as_bytes(), times));
    }
    let mark = r#"{"event":"mark","streamSid":"MZ1","mark":{"name":"m"}}"#;
    println!("{:42} {:>10.2} µs", "mark", hear(mark.as_bytes(), 10_000));
    for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722] {
        println!(
            "{:42} {:>10.2} µs",
            format!("packet played, {codec:?}"),
            play(codec)
        );
    }
}

/// µs of one message, the mean of twenty rounds on a fresh queue each.
fn hear(text: &[u8], times: u32) -> f64 {
    let mut spent = Duration::ZERO;
    for _ in 0..ROUNDS {
        let (mut shard, now) = connected(Codec::Pcmu);
        let begin = on_processor();
        for _ in 0..times {
            shard.fork_heard(now, FORK, black_box(text), &mut Nowhere);
        }
        spent += on_processor().saturating_sub(begin);
    }
    micros(spent, times * ROUNDS)
}

/// µs of one packet while audio is queued.
fn play(codec: Codec) -> f64 {
    let payload = STANDARD.encode(vec![0x55; 700_000]);
    let text =
        format!(r#"{{"event":"media","streamSid":"MZ1","media":{{"payload":"{payload}"}}}}"#);
    let packets = 4000;
    let mut spent = Duration::ZERO;
    for _ in 0..ROUNDS {
        let (mut shard, mut now) = connected(codec);
        shard.fork_heard(now, FORK, text.as_bytes(), &mut Nowhere);
        let begin = on_processor();
        for _ in 0..packets {
            now += Duration::from_millis(20);
            shard.handle_timeout(now, &mut Nowhere);
        }
        spent += on_processor().saturating_sub(begin);
    }
    micros(spent, packets * ROUNDS)
}

fn on_processor() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|word| word.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

fn micros(time: Duration, times: u32) -> f64 {
    time.as_secs_f64() * 1e6 / f64::from(times)
}

fn connected(codec: Codec) -> (Shard, Instant) {
    let now = Instant::now();
    let mut shard = Shard::new(ShardConfig::new(now, 0));
    let config = LegConfig {
        id: LEG,
        ssrc: 1,
        first_sequence: 0,
        first_timestamp: 0,
        seed: 1,
    };
    shard.command(now, Command::OpenLeg(config), &mut Nowhere);
    let media = LegMedia {
        remote: SocketAddr::from(([127, 0, 0, 1], 9)),
        remote_rtcp: None,
        codec,
        payload_type: 96,
        receive: Vec::new(),
        telephone_event: Some(101),
        receive_telephone_event: None,
        comfort_noise: None,
        direction: Direction::SendRecv,
        ptime_ms: 20,
        symmetric: true,
        inband_dtmf: false,
        cname: "cost".into(),
        srtp: None,
    };
    let (leg, media) = (LEG, Box::new(media));
    shard.command(now, Command::Configure { leg, media }, &mut Nowhere);
    let target = Arc::new(ForkTarget {
        stream_sid: "MZ1".into(),
        bidirectional: true,
        ..ForkTarget::default()
    });
    let start = Command::StartFork {
        leg,
        fork: FORK,
        target,
    };
    shard.command(now, start, &mut Nowhere);
    shard.fork_opened(now, FORK, None, &mut Nowhere);
    (shard, now)
}
