//! A leg that nothing happens on costs next to nothing, whatever the nanosecond.

use bridgetap_media::{Codec, Command, LegId, PlayId};

use crate::world::*;

/// How often the shard wants to be woken in `seconds`, nothing arriving meanwhile. As on a real
/// machine it is always woken a little late.
fn wakes(world: &mut World, seconds: u64, late: std::time::Duration) -> usize {
    let end = world.now() + ms(seconds * 1000);
    let mut count = 0;
    while let Some(due) = world.shard.next_timeout().filter(|due| *due <= end) {
        world.net.now = world.net.now.max(due - world.epoch) + late;
        let now = world.now();
        world.shard.handle_timeout(now, &mut world.net);
        count += 1;
        assert!(count < 100_000, "the shard never rests");
    }
    world.net.now = end - world.epoch;
    count
}

#[test]
fn a_silent_bridge_rests() {
    let mut world = World::with(|config| config.rtp_timeout = ms(60_000));
    let (a, b) = (world.leg(1, Codec::Pcmu), world.leg(2, Codec::Pcmu));
    world.order(Command::Bridge { leg: a, other: b });
    let idle = wakes(&mut world, 10, ms(0));
    assert!(idle <= 40, "{idle} wake-ups in 10 s of two legs");
}

#[test]
fn a_bridge_rests_after_its_ringback() {
    let mut world = World::with(|config| config.rtp_timeout = ms(60_000));
    let a = world.leg(1, Codec::Pcmu);
    let prompts = vec![prompt(440.0, ms(1000))];
    world.order(Command::Play {
        leg: a,
        play: PlayId(1),
        prompts,
        loops: 0,
    });
    let ringing = wakes(&mut world, 2, ms(0));
    assert!(
        (90..=120).contains(&ringing),
        "{ringing} wake-ups in 2 s of ringback"
    );
    world.order(Command::StopPlay { leg: a });
    let b: LegId = world.leg(2, Codec::Pcmu);
    world.order(Command::Bridge { leg: a, other: b });
    let idle = wakes(&mut world, 10, ms(0));
    assert!(idle <= 40, "{idle} wake-ups in 10 s of two legs");
}

#[test]
fn a_wake_up_some_nanoseconds_late_ends() {
    // Woken 331 ns after the step, with a timer 14 ns away: it once spun for ever.
    for nanoseconds in (0..2000).step_by(7) {
        let mut world = World::new();
        world.net.now = std::time::Duration::from_nanos(nanoseconds);
        world.leg(1, Codec::Pcmu);
        let late = std::time::Duration::from_nanos(331 + nanoseconds % 50);
        let idle = wakes(&mut world, 5, late);
        assert!(idle <= 40, "{idle} wake-ups in 5 s, {nanoseconds} ns off");
    }
}
