//! What one packet costs in our own code: `cargo run --release -p bridgetap-media --example shard_cost`.
//!
//! A few hundred calls on one shard, as a thread would have them, so that memory is not always
//! in the nearest cache. No sockets: the kernel's share is measured by `make bench`.

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bridgetap_media::{
    Channels, Codec, Command, Direction, ForkDial, ForkId, ForkTarget, Format, Framing, LegConfig,
    LegId, LegMedia, LegStats, MediaEvent, RecordId, Shape, Shard, ShardConfig, Sink, Track,
};

const CALLS: u64 = 200;
const SECONDS: u64 = 10;

#[derive(Default)]
struct Nowhere {
    bytes: usize,
    ready: Vec<ForkId>,
}

impl Sink for Nowhere {
    fn send_rtp(&mut self, _leg: LegId, _to: SocketAddr, datagram: &[u8]) {
        self.bytes += black_box(datagram).len();
    }

    fn send_rtcp(&mut self, _leg: LegId, _to: SocketAddr, datagram: &[u8]) {
        self.bytes += black_box(datagram).len();
    }

    fn fork_ready(&mut self, fork: ForkId) {
        self.ready.push(fork);
    }

    fn fork_dial(&mut self, _fork: ForkId, _dial: ForkDial) {}

    fn event(&mut self, _event: MediaEvent) {}

    fn record_samples(&mut self, _record: RecordId, _channels: usize, _samples: &[i16]) {}

    fn record_ended(&mut self, _leg: LegId, _record: RecordId) {}

    fn leg_stats(&mut self, _stats: &LegStats) {}
}

fn main() {
    let plain = Shape::default();
    let shaped = |format| Shape {
        format,
        channels: Channels::Stereo,
        framing: Framing::Binary,
        frame_ms: 100,
        ..plain
    };
    println!("{CALLS} bridged calls, {SECONDS} s of packets, one thread, no system calls");
    for (what, codecs, with) in [
        ("relay, PCMU to PCMU", [Codec::Pcmu; 2], With::Nothing),
        (
            "relay + fork of both tracks, PCMU",
            [Codec::Pcmu; 2],
            With::Fork(plain),
        ),
        (
            "transcoding, PCMA to PCMU and back",
            [Codec::Pcma, Codec::Pcmu],
            With::Nothing,
        ),
        (
            "transcoding, G.722 to PCMU and back",
            [Codec::G722, Codec::Pcmu],
            With::Nothing,
        ),
        ("relay, G.722 to G.722", [Codec::G722; 2], With::Nothing),
        (
            "relay + fork of both tracks, G.722",
            [Codec::G722; 2],
            With::Fork(plain),
        ),
        ("relay + beeps, PCMU", [Codec::Pcmu; 2], With::Beeps),
        ("relay + beeps, G.722", [Codec::G722; 2], With::Beeps),
        (
            "relay + fork, A-law stereo, 100 ms",
            [Codec::Pcmu; 2],
            With::Fork(shaped(Format::Alaw)),
        ),
        (
            "relay + fork, 16 kHz stereo, 100 ms",
            [Codec::Pcmu; 2],
            With::Fork(shaped(Format::L16Wide)),
        ),
        (
            "relay + fork, 24 kHz stereo, 100 ms",
            [Codec::Pcmu; 2],
            With::Fork(shaped(Format::L16Wider)),
        ),
    ] {
        let (packets, frames, spent) = measure(codecs, with);
        let per_packet = spent.as_nanos() as f64 / packets as f64;
        println!("{what:40} {per_packet:7.0} ns a packet, {frames} frames for {packets} packets");
    }
}

/// What a call has besides its bridge.
#[derive(Clone, Copy)]
enum With {
    Nothing,
    /// Both parties are told by a tone that they are recorded.
    Beeps,
    Fork(Shape),
}

fn measure(codecs: [Codec; 2], with: With) -> (u64, u64, Duration) {
    let epoch = Instant::now();
    let mut shard = Shard::new(ShardConfig::new(epoch, 0));
    let mut sink = Nowhere::default();
    for leg in 0..2 * CALLS {
        open(&mut shard, epoch, leg, codecs[leg as usize % 2], &mut sink);
    }
    for call in 0..CALLS {
        let (leg, other) = (LegId(2 * call), LegId(2 * call + 1));
        shard.command(epoch, Command::Bridge { leg, other }, &mut sink);
        match with {
            With::Nothing => {}
            With::Beeps => {
                shard.command(epoch, Command::Beep { leg }, &mut sink);
                shard.command(epoch, Command::Beep { leg: other }, &mut sink);
            }
            With::Fork(shape) => fork(&mut shard, epoch, leg, call, shape, &mut sink),
        }
    }
    let mut text = Vec::with_capacity(32 * 1024);
    let (mut packets, mut frames) = (0, 0);
    let mut spent = Duration::ZERO;
    for tick in 0..SECONDS * 50 {
        for leg in 0..2 * CALLS {
            let now = epoch + Duration::from_micros(tick * 20_000 + leg * 20_000 / (2 * CALLS));
            let mut packet = packet(leg, tick);
            let begun = Instant::now();
            shard.receive_rtp(now, LegId(leg), address(leg), &mut packet, &mut sink);
            while let Some(fork) = sink.ready.pop() {
                text.clear();
                while shard.fork_next(now, fork, &mut text, &mut sink).is_some() {
                    frames += 1;
                }
                black_box(&text);
                shard.fork_written(now, fork, 0, &mut sink);
            }
            if shard.next_timeout().is_some_and(|due| due <= now) {
                shard.handle_timeout(now, &mut sink);
            }
            spent += begun.elapsed();
            packets += 1;
        }
    }
    (
        packets,
        frames,
        spent.saturating_sub(clock_cost() * packets as u32),
    )
}

/// What asking the clock twice costs by itself.
fn clock_cost() -> Duration {
    let rounds = 100_000;
    let mut spent = Duration::ZERO;
    for _ in 0..rounds {
        let begun = Instant::now();
        spent += black_box(begun.elapsed());
    }
    spent / rounds
}

fn open(shard: &mut Shard, now: Instant, leg: u64, codec: Codec, sink: &mut Nowhere) {
    let config = LegConfig {
        id: LegId(leg),
        ssrc: leg as u32,
        first_sequence: 0,
        first_timestamp: 0,
        seed: leg,
    };
    shard.command(now, Command::OpenLeg(config), sink);
    let media = LegMedia {
        remote: address(leg),
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
    let leg = LegId(leg);
    let media = Box::new(media);
    shard.command(now, Command::Configure { leg, media }, sink);
}

fn fork(shard: &mut Shard, now: Instant, leg: LegId, call: u64, shape: Shape, sink: &mut Nowhere) {
    let target = ForkTarget {
        stream_sid: format!("MZ{call:032x}"),
        call_sid: format!("CA{call:032x}"),
        account_sid: format!("AC{call:032x}"),
        tracks: Track::ALL.to_vec(),
        shape,
        ..ForkTarget::default()
    };
    let fork = ForkId(call);
    let target = Arc::new(target);
    shard.command(now, Command::StartFork { leg, fork, target }, sink);
    shard.fork_opened(now, fork, None, sink);
}

fn packet(leg: u64, tick: u64) -> [u8; 172] {
    let mut packet = [0; 172];
    let sequence = (tick as u16).to_be_bytes();
    packet[..4].copy_from_slice(&[0x80, 96, sequence[0], sequence[1]]);
    packet[4..8].copy_from_slice(&(tick as u32 * 160).to_be_bytes());
    packet[8..12].copy_from_slice(&(leg as u32).to_be_bytes());
    for (n, byte) in packet[12..].iter_mut().enumerate() {
        *byte = (n as u64 * 7 + tick) as u8;
    }
    packet
}

fn address(leg: u64) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 10_000 + leg as u16))
}
