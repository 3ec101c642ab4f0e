//! Ten thousand starts: whatever the moment, `connected` and `start` come before any audio.

use bridgetap_media::{CaptureFrom, Codec, Command, Track};

use crate::world::*;

const STARTS: u64 = 10_000;
/// Open at a time.
const BATCH: u64 = 50;

#[test]
fn start_always_precedes_media() {
    let mut world = World::new();
    let (a, b) = (world.leg(1, Codec::Pcmu), world.leg(2, Codec::Pcma));
    world.order(Command::Bridge { leg: a, other: b });
    let mut alice = Party::new(a, Codec::Pcmu, 440.0);
    let mut seed = 42_u64;
    let mut dice = move |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let mut heard = 0;
    for batch in 0..STARTS / BATCH {
        // Each starts, is answered and is stopped at a moment of its own, some while audio comes.
        let forks: Vec<_> = (0..BATCH)
            .map(|n| {
                world.talk(&mut [&mut alice], ms(dice(4)));
                let tracks = match dice(3) {
                    0 => &[Track::Inbound][..],
                    1 => &[Track::Outbound][..],
                    _ => &Track::ALL[..],
                };
                let capture_from = match dice(2) {
                    0 => CaptureFrom::Open,
                    _ => CaptureFrom::Create,
                };
                let leg = if dice(2) == 0 { a } else { b };
                world.fork_with(leg, 1 + batch * BATCH + n, tracks, |target| {
                    target.capture_from = capture_from;
                })
            })
            .collect();
        for &fork in &forks {
            world.talk(&mut [&mut alice], ms(dice(4)));
            world.open(fork);
        }
        world.talk(&mut [&mut alice], ms(45));
        for &fork in &forks {
            world.order(Command::StopFork { fork });
        }
        world.run(ms(5));
        for fork in forks {
            let frames = world.frames.remove(&fork).unwrap_or_default();
            let kinds: Vec<&str> = frames.iter().map(|text| event(text)).collect();
            assert_eq!(kinds[..2], ["connected", "start"], "{fork:?}");
            assert_eq!(kinds.last(), Some(&"stop"), "{fork:?}");
            let media = &kinds[2..kinds.len() - 1];
            assert!(media.iter().all(|kind| *kind == "media"), "{kinds:?}");
            heard += u64::from(!media.is_empty());
        }
        world.net.rtp.clear();
        world.net.events.clear();
        world.net.stats.clear();
    }
    assert!(
        heard > STARTS * 9 / 10,
        "only {heard} of {STARTS} had audio"
    );
    assert_eq!(world.shard.fork_count(), 0);
}

fn event(text: &str) -> &str {
    let rest = text.strip_prefix("{\"event\":\"").unwrap();
    &rest[..rest.find('"').unwrap()]
}
