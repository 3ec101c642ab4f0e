//! Streams whose frames are not Twilio's, when a far end is slow, goes away, comes back, or the call ends.

use std::collections::BTreeMap;

use bridgetap_media::{
    Channels, Codec, Command, ForkId, Format, Framing, LegId, MediaEvent, RemoteClose, Resume,
    Shape, Track,
};

use crate::forking::number;
use crate::shapes::{Frame, conversation, frames};
use crate::world::*;

#[test]
fn a_slow_far_end_skips_whole_frames_and_stays_aligned() {
    for channels in [Channels::Separate, Channels::Stereo] {
        let mut world = World::new();
        let (a, b) = (world.leg(1, Codec::Pcmu), world.leg(2, Codec::Pcmu));
        world.order(Command::Bridge { leg: a, other: b });
        let mut alice = Party::new(a, Codec::Pcmu, 500.0);
        let mut bob = Party::new(b, Codec::Pcmu, 1200.0);
        let fork = world.fork_with(a, 1, &Track::ALL, |target| {
            target.max_lag_ms = 1000;
            target.shape = Shape {
                format: Format::Alaw,
                channels,
                frame_ms: 200,
                ..Shape::default()
            };
        });
        world.open(fork);
        world.talk(&mut [&mut alice, &mut bob], ms(930));
        world.stalled.insert(fork);
        world.talk(&mut [&mut alice, &mut bob], ms(3370));
        world.stalled.clear();
        world.talk(&mut [&mut alice, &mut bob], ms(1000));
        world.order(Command::StopFork { fork });
        let all = frames(&world, fork);
        for frame in &all {
            let later = |f: &&Frame| f.track == frame.track && f.chunk > frame.chunk;
            if all.iter().any(|f| later(&f)) {
                let channels = 1 + usize::from(channels == Channels::Stereo);
                assert_eq!(frame.payload.len(), 1600 * channels);
                assert_eq!((frame.timestamp - all[0].timestamp) % 200, 0);
            }
        }
        let end = &world.fork_ends()[0];
        assert!(end.ms_dropped > 2000, "{end:?}");
        let all_ms = end.ms_sent + end.ms_dropped;
        assert!(all_ms.abs_diff(2 * 5300) <= 120, "{end:?}");
        let dropped = world
            .events()
            .iter()
            .any(|event| matches!(event, MediaEvent::ForkLagging { percent: 100, .. }));
        assert!(dropped);
    }
}

#[test]
fn a_frame_in_the_making_is_no_lag_and_is_sent_at_the_end() {
    let mut world = World::new();
    let a = world.leg(1, Codec::Pcmu);
    let mut alice = Party::new(a, Codec::Pcmu, 500.0);
    let fork = world.fork_with(a, 1, &[Track::Inbound], |target| {
        target.max_lag_ms = 200;
        target.shape.frame_ms = 200;
    });
    world.open(fork);
    world.talk(&mut [&mut alice], ms(2100));
    world.order(Command::StopFork { fork });
    let end = &world.fork_ends()[0];
    assert_eq!(end.lag_max_ms, 20, "{end:?}");
    assert!((2040..=2100).contains(&end.ms_sent), "{end:?}");
    let all = frames(&world, fork);
    assert_eq!(all.len() as u64, end.ms_sent.div_ceil(200));
    assert!(all.last().unwrap().payload.len() < 1600);
    assert_eq!(world.events().len(), 2, "opened and ended, no lag");
}

#[test]
fn a_call_that_ends_gives_what_is_left_of_both_tracks() {
    let (mut world, mut alice, mut bob, _) = conversation(Shape {
        channels: Channels::Mixed,
        frame_ms: 160,
        ..Shape::default()
    });
    world.talk(&mut [&mut alice, &mut bob], ms(1000));
    world.order(Command::CloseLeg { leg: LegId(1) });
    let end = &world.fork_ends()[0];
    assert_eq!(end.ms_dropped, 0);
    assert!((2 * 940..=2 * 1000).contains(&end.ms_sent), "{end:?}");
}

/// Cut off, connected again and sent what was lost: number by number the frames of a stream that
/// never broke, and what happened meanwhile in its place.
#[test]
fn a_resumed_stream_of_any_shape_is_the_same_to_the_byte() {
    for (format, channels, framing) in [
        (Format::L16Wider, Channels::Stereo, Framing::Binary),
        (Format::L16Wide, Channels::Separate, Framing::Binary),
        (Format::Alaw, Channels::Mixed, Framing::Json),
    ] {
        let shape = Shape {
            format,
            channels,
            framing,
            frame_ms: 60,
            ..Shape::default()
        };
        let (mut world, mut alice, mut bob, control) = conversation(shape);
        let fork = world.fork_with(alice.leg, 2, &Track::ALL, |target| {
            target.shape = shape;
            target.resume = Some(Resume {
                overlap_ms: 2000,
                ring_ms: 30_000,
            });
            target.max_lag_ms = 30_000;
        });
        world.open(fork);
        world.talk(&mut [&mut alice, &mut bob], ms(3000));
        let now = world.now();
        let close = RemoteClose {
            close_code: None,
            detail: "restart".into(),
        };
        world
            .shard
            .fork_remote_closed(now, fork, close, &mut world.net);
        world.talk(&mut [&mut alice, &mut bob], ms(1000));
        for fork in [fork, control] {
            let (event, body) = ("hold".into(), "{}".into());
            world.order(Command::TellFork { fork, event, body });
        }
        world.talk(&mut [&mut alice, &mut bob], ms(1000));
        let now = world.now();
        world.shard.fork_opened(now, fork, Some(20), &mut world.net);
        world.pull();
        world.talk(&mut [&mut alice, &mut bob], ms(1000));
        let by_number = |fork: ForkId| -> BTreeMap<u64, Vec<u8>> {
            let media = frames(&world, fork);
            let holds = world.messages(fork).into_iter().filter_map(|message| {
                Some((
                    number(message.get("sequenceNumber")?),
                    message.get("hold")?.clone(),
                ))
            });
            let holds = holds.map(|(number, hold)| (number, hold.to_string().into_bytes()));
            let media = media
                .into_iter()
                .map(|frame| (frame.sequence, frame.payload));
            media.chain(holds).collect()
        };
        let (resumed, whole) = (by_number(fork), by_number(control));
        assert!(whole.len() > 80, "{shape:?}");
        assert!(resumed == whole, "{shape:?}");
    }
}
