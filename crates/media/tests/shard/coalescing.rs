//! Frames that wait a moment for each other, so that they are written as one.

use bridgetap_media::{Channels, Codec, Command, ForkTarget, Shape, Track};

use crate::resuming::HOW;
use crate::world::*;

/// How many messages came at once, each time some did, in two seconds.
fn pulls(coalesce: u64, change: impl FnOnce(&mut ForkTarget)) -> Vec<usize> {
    let mut world = World::with(|config| config.coalesce = ms(coalesce));
    let (leg, other) = (world.leg(1, Codec::Pcmu), world.leg(2, Codec::Pcmu));
    world.order(Command::Bridge { leg, other });
    // The two speak ten milliseconds apart.
    let mut alice = Party::new(leg, Codec::Pcmu, 440.0);
    let mut bob = Party::new(other, Codec::Pcmu, 700.0);
    (alice.phase, bob.phase) = (ms(3), ms(13));
    let fork = world.fork_with(leg, 1, &Track::ALL, change);
    world.open(fork);
    let count = |world: &World| world.frames.get(&fork).map_or(0, Vec::len);
    let mut pulls = Vec::new();
    for _ in 0..400 {
        let before = count(&world);
        world.talk(&mut [&mut alice, &mut bob], ms(5));
        let new = count(&world) - before;
        pulls.extend((new > 0).then_some(new));
    }
    pulls
}

#[test]
fn frames_of_both_tracks_wait_for_each_other_where_they_are_to() {
    for resume in [None, Some(HOW)] {
        for (coalesce, expected) in [(0, 0..=5), (20, 95..=100)] {
            let pulls = pulls(coalesce, |target| target.resume = resume);
            let together = pulls.iter().filter(|&&count| count >= 2).count();
            assert!(
                expected.contains(&together),
                "{coalesce}: {together} of {}",
                pulls.len()
            );
            let media: usize = pulls.iter().sum();
            assert!(media.abs_diff(200) <= 8, "{media}");
        }
    }
}

#[test]
fn a_frame_that_holds_both_tracks_waits_for_nothing() {
    for channels in [Channels::Stereo, Channels::Mixed] {
        for resume in [None, Some(HOW)] {
            let shaped = |target: &mut ForkTarget| {
                target.resume = resume;
                target.shape = Shape {
                    channels,
                    ..Shape::default()
                };
            };
            assert_eq!(
                pulls(50, shaped),
                pulls(0, shaped),
                "{channels:?} {resume:?}"
            );
        }
    }
}
