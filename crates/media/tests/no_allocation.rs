//! Once a call is set up, relaying and forking it allocates nothing.
//!
//! In a program of its own: it counts every allocation of its one thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bridgetap_media::{
    Channels, Codec, Command, Direction, ForkDial, ForkId, ForkTarget, Format, Framing, LegConfig,
    LegId, LegMedia, LegStats, MediaEvent, RecordId, Shape, Shard, ShardConfig, Sink, Track,
};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<i64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system allocator unchanged; counting in a thread-local Cell
// neither allocates nor unwinds.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        BYTES.with(|bytes| bytes.set(bytes.get() + layout.size() as i64));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.with(|bytes| bytes.set(bytes.get() - layout.size() as i64));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        BYTES.with(|bytes| bytes.set(bytes.get() + size as i64 - layout.size() as i64));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Takes everything and keeps only counts.
#[derive(Default)]
struct Drain {
    packets: u64,
    frames: u64,
    samples: u64,
    ready: [bool; 8],
}

impl Sink for Drain {
    fn send_rtp(&mut self, _leg: LegId, _to: SocketAddr, _datagram: &[u8]) {
        self.packets += 1;
    }

    fn send_rtcp(&mut self, _leg: LegId, _to: SocketAddr, _datagram: &[u8]) {}

    fn fork_ready(&mut self, fork: ForkId) {
        self.ready[fork.0 as usize] = true;
    }

    fn fork_dial(&mut self, _fork: ForkId, _dial: ForkDial) {}

    fn event(&mut self, _event: MediaEvent) {}

    fn record_samples(&mut self, _record: RecordId, _channels: usize, samples: &[i16]) {
        self.samples += samples.len() as u64;
    }

    fn record_ended(&mut self, _leg: LegId, _record: RecordId) {}

    fn leg_stats(&mut self, _stats: &LegStats) {}
}

struct Call {
    epoch: Instant,
    shard: Shard,
    drain: Drain,
    text: Vec<u8>,
}

impl Call {
    fn new(codecs: [Codec; 2]) -> Self {
        let epoch = Instant::now();
        let mut call = Self {
            epoch,
            shard: Shard::new(ShardConfig::new(epoch, 0)),
            drain: Drain::default(),
            text: Vec::with_capacity(1024),
        };
        for (leg, codec) in [1, 2].into_iter().zip(codecs) {
            call.order(Command::OpenLeg(LegConfig {
                id: LegId(leg),
                ssrc: leg as u32,
                first_sequence: 0,
                first_timestamp: 0,
                seed: leg,
            }));
            call.order(Command::Configure {
                leg: LegId(leg),
                media: Box::new(LegMedia {
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
                    inband_dtmf: leg == 1,
                    cname: "a".into(),
                    srtp: None,
                }),
            });
        }
        call.order(Command::Bridge {
            leg: LegId(1),
            other: LegId(2),
        });
        call
    }

    fn order(&mut self, command: Command) {
        self.shard.command(self.epoch, command, &mut self.drain);
    }

    fn fork_and_record(&mut self) {
        self.fork_shaped(Shape::default());
        self.order(Command::StartRecord {
            leg: LegId(1),
            record: RecordId(1),
            tracks: Track::ALL.to_vec(),
        });
    }

    /// Two forks of one leg, one of the other.
    fn fork_shaped(&mut self, shape: Shape) {
        for (leg, fork) in [(1, 1), (1, 2), (2, 3)] {
            let target = ForkTarget {
                stream_sid: "MZ1".into(),
                call_sid: "CA1".into(),
                account_sid: "AC1".into(),
                tracks: Track::ALL.to_vec(),
                shape,
                ..ForkTarget::default()
            };
            self.order(Command::StartFork {
                leg: LegId(leg),
                fork: ForkId(fork),
                target: Arc::new(target),
            });
            self.shard
                .fork_opened(self.epoch, ForkId(fork), None, &mut self.drain);
        }
    }

    /// 20 ms of a conversation: both parties, with one loss and one overtaking in a hundred.
    fn tick(&mut self, n: u32) {
        for leg in [1, 2] {
            let now = self.epoch + Duration::from_millis(u64::from(n) * 20 + 7 * leg);
            let number = match n % 100 {
                30 => continue,
                60 => n + 1,
                61 => n - 1,
                _ => n,
            };
            let mut packet = [0x55; 172];
            packet[..4].copy_from_slice(&[0x80, 96, (number >> 8) as u8, number as u8]);
            packet[4..8].copy_from_slice(&(number * 160).to_be_bytes());
            packet[8..12].copy_from_slice(&(77 + leg as u32).to_be_bytes());
            while self.shard.next_timeout().is_some_and(|due| due <= now) {
                self.shard.handle_timeout(now, &mut self.drain);
            }
            self.shard
                .receive_rtp(now, LegId(leg), address(leg), &mut packet, &mut self.drain);
            for fork in 1..=3 {
                if std::mem::take(&mut self.drain.ready[fork]) {
                    loop {
                        self.text.clear();
                        let id = ForkId(fork as u64);
                        let frame = self
                            .shard
                            .fork_next(now, id, &mut self.text, &mut self.drain);
                        if frame.is_none() {
                            break;
                        }
                        self.drain.frames += 1;
                    }
                    self.shard
                        .fork_written(now, ForkId(fork as u64), 0, &mut self.drain);
                }
            }
        }
    }
}

fn address(leg: u64) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 4000 + 2 * leg as u16))
}

/// Allocations in a minute of the call, after ten seconds of it.
fn steady_state(mut call: Call) -> (u64, Drain) {
    (0..500).for_each(|n| call.tick(n));
    call.drain = Drain::default();
    call.drain.ready = [true; 8];
    let before = ALLOCATIONS.with(Cell::get);
    (500..3500).for_each(|n| call.tick(n));
    let after = ALLOCATIONS.with(Cell::get);
    (after - before, call.drain)
}

#[test]
fn relaying_allocates_nothing() {
    for codecs in [
        [Codec::Pcmu, Codec::Pcmu],
        [Codec::Pcma, Codec::Pcmu],
        [Codec::G722, Codec::Pcma],
        [Codec::G722, Codec::G722],
    ] {
        let (allocations, drain) = steady_state(Call::new(codecs));
        assert_eq!(drain.packets, 2 * 2970, "{codecs:?}");
        assert_eq!(allocations, 0, "{codecs:?}");
    }
}

#[test]
fn beeps_allocate_nothing() {
    for codecs in [
        [Codec::Pcmu, Codec::Pcmu],
        [Codec::G722, Codec::Pcma],
        [Codec::G722, Codec::G722],
    ] {
        let mut call = Call::new(codecs);
        call.order(Command::Beep { leg: LegId(1) });
        call.order(Command::Beep { leg: LegId(2) });
        let (allocations, drain) = steady_state(call);
        assert_eq!(drain.packets, 2 * 2970, "{codecs:?}");
        assert_eq!(allocations, 0, "{codecs:?}");
    }
}

#[test]
fn forking_and_recording_allocate_nothing() {
    for codecs in [[Codec::Pcmu, Codec::Pcmu], [Codec::G722, Codec::Pcma]] {
        let mut call = Call::new(codecs);
        call.fork_and_record();
        let (allocations, drain) = steady_state(call);
        assert!(
            drain.frames.abs_diff(3 * 2 * 3000) < 30,
            "{} frames",
            drain.frames
        );
        assert!(drain.samples.abs_diff(2 * 160 * 3000) < 2 * 160 * 10);
        assert_eq!(allocations, 0, "{codecs:?}");
    }
}

#[test]
fn streams_of_every_shape_allocate_nothing() {
    for (n, format) in [
        Format::Alaw,
        Format::L16Narrow,
        Format::L16Wide,
        Format::L16Wider,
    ]
    .into_iter()
    .enumerate()
    {
        let mut call = Call::new([Codec::Pcmu, Codec::Pcma]);
        call.text.reserve(32 * 1024);
        call.fork_shaped(Shape {
            format,
            channels: [Channels::Separate, Channels::Stereo, Channels::Mixed][n % 3],
            framing: [Framing::Json, Framing::Binary][n % 2],
            frame_ms: [20, 200, 60, 100][n],
            ..Shape::default()
        });
        let (allocations, drain) = steady_state(call);
        assert!(drain.frames > 800, "{format:?}: {} frames", drain.frames);
        assert_eq!(allocations, 0, "{format:?}");
    }
}

/// The budget of a call is 64 KiB, sockets and TLS included; this is the media core's part of a
/// bridged call with three forks, a recording and a lossy network.
#[test]
fn a_forked_call_is_small() {
    let empty = {
        let before = BYTES.with(Cell::get);
        let shard = Shard::new(ShardConfig::new(Instant::now(), 0));
        let bytes = BYTES.with(Cell::get) - before;
        drop(shard);
        bytes
    };
    for (codecs, most) in [([Codec::Pcmu; 2], 40), ([Codec::G722; 2], 44)] {
        let before = BYTES.with(Cell::get);
        let mut call = Call::new(codecs);
        call.fork_and_record();
        (0..3500).for_each(|n| call.tick(n));
        let bytes = BYTES.with(Cell::get) - before - empty;
        assert!(bytes <= most * 1024, "{codecs:?}: {bytes} bytes");
    }
}

/// The counter itself counts: else the tests above prove nothing.
#[test]
fn an_allocation_is_seen() {
    let before = ALLOCATIONS.with(Cell::get);
    let boxed = std::hint::black_box(Box::new([0_u8; 64]));
    assert!(ALLOCATIONS.with(Cell::get) > before);
    drop(boxed);
}
