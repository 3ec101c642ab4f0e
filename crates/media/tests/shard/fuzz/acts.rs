//! What may happen to a shard, in any order.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridgetap_media::{Asides, Channels, Format, Framing, Overflow, Shape};
use proptest::prelude::*;

#[derive(Debug, Clone)]
pub enum Act {
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
    Fork(u8, Stream),
    Opened(u8, Option<u64>),
    Heard(u8, Vec<u8>),
    HeardBinary(u8, usize),
    TellFork(u8),
    TellKey(u8),
    Copy(u8, bool, u8),
    EndCopy(u8),
    Beep(u8),
    EndBeep(u8),
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

pub fn act() -> impl Strategy<Value = Act> {
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
        4 => (leg.clone(), stream()).prop_map(|(l, s)| Act::Fork(l, s)),
        4 => (0_u8..20, prop::option::of(0_u64..200)).prop_map(|(f, k)| Act::Opened(f, k)),
        2 => (0_u8..20, said()).prop_map(|(f, s)| Act::Heard(f, s)),
        1 => (0_u8..20, 0_usize..2000).prop_map(|(f, n)| Act::HeardBinary(f, n)),
        1 => (0_u8..20).prop_map(Act::TellFork),
        1 => leg.clone().prop_map(Act::TellKey),
        2 => (leg.clone(), any::<bool>(), 1_u8..5).prop_map(|(l, i, to)| Act::Copy(l, i, to)),
        1 => leg.clone().prop_map(Act::EndCopy),
        2 => leg.clone().prop_map(Act::Beep),
        1 => leg.clone().prop_map(Act::EndBeep),
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

/// How a fork is made.
#[derive(Debug, Clone)]
pub struct Stream {
    pub from_creation: bool,
    /// One bit for each.
    pub tracks: u8,
    /// Where it is not resumed.
    pub speaks: bool,
    pub overflow: Overflow,
    pub shape: Shape,
    pub endpoints: usize,
}

fn stream() -> impl Strategy<Value = Stream> {
    let shape = prop_oneof![Just(Shape::default()), shape()];
    let overflow = prop_oneof![
        Just(Overflow::SkipToLive),
        Just(Overflow::DropOldest),
        Just(Overflow::Close),
    ];
    let flags = (any::<bool>(), any::<bool>());
    (flags, 1_u8..4, overflow, shape, 1_usize..4).prop_map(
        |((from_creation, speaks), tracks, overflow, shape, endpoints)| Stream {
            from_creation,
            speaks,
            tracks,
            overflow,
            shape,
            endpoints,
        },
    )
}

fn shape() -> impl Strategy<Value = Shape> {
    let format = prop_oneof![
        Just(Format::Mulaw),
        Just(Format::Alaw),
        Just(Format::L16Narrow),
        Just(Format::L16Wide),
        Just(Format::L16Wider),
    ];
    let channels = prop_oneof![
        Just(Channels::Separate),
        Just(Channels::Stereo),
        Just(Channels::Mixed),
    ];
    (format, channels, any::<bool>(), 1_u32..=10, any::<bool>()).prop_map(
        |(format, channels, binary, chunks, dtmf)| Shape {
            format,
            channels,
            framing: if binary {
                Framing::Binary
            } else {
                Framing::Json
            },
            frame_ms: 20 * chunks,
            wall_clock: None,
            asides: Asides {
                dtmf,
                ..Asides::default()
            },
        },
    )
}

/// What a far end says: much of it right.
fn said() -> impl Strategy<Value = Vec<u8>> {
    let media = prop::collection::vec(any::<u8>(), 0..4000).prop_map(|audio| {
        let payload = STANDARD.encode(audio);
        format!(r#"{{"event":"media","streamSid":"MZ","media":{{"payload":"{payload}"}}}}"#)
            .into_bytes()
    });
    let mark = "[a-z]{0,9}".prop_map(|name| {
        format!(r#"{{"event":"mark","streamSid":"MZ","mark":{{"name":"{name}"}}}}"#).into_bytes()
    });
    let clear = Just(br#"{"event":"clear","streamSid":"MZ"}"#.to_vec());
    prop_oneof![
        4 => media,
        3 => mark,
        1 => clear,
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}
