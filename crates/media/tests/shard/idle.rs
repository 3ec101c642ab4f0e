//! A leg that nothing happens on costs next to nothing, whatever the nanosecond.

use bridgetap_media::{Codec, Command, Direction, LegConfig, LegId, PlayId, Track};

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

/// What a recorder's line is: nobody there can press a key, whatever events were agreed.
#[test]
fn a_leg_that_only_sends_rests() {
    for direction in [Direction::SendOnly, Direction::Inactive] {
        let mut world = World::new();
        let leg = world.leg(1, Codec::Pcmu);
        let mut agreed = media(1, Codec::Pcmu);
        (agreed.telephone_event, agreed.direction) = (None, direction);
        world.configure(leg, agreed);
        let idle = wakes(&mut world, 10, ms(0));
        assert!(idle <= 20, "{idle} wake-ups in 10 s, {direction:?}");
    }
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
fn a_leg_whose_far_end_was_exchanged_for_none_rests_and_goes_on_when_there_is_one() {
    for speaks in [false, true] {
        let mut world = World::with(|config| config.rtp_timeout = ms(60_000));
        let a = world.leg(1, Codec::Pcmu);
        let b = LegId(2);
        world.order(Command::OpenLeg(LegConfig {
            id: b,
            ssrc: 2,
            first_sequence: 0,
            first_timestamp: 0,
            seed: 2,
        }));
        if speaks {
            let fork = world.fork_with(a, 1, &[Track::Inbound], |target| {
                target.bidirectional = true;
            });
            world.open(fork);
        } else {
            world.order(Command::Play {
                leg: a,
                play: PlayId(1),
                prompts: vec![prompt(440.0, ms(1000))],
                loops: 0,
            });
        }
        world.run(ms(300));
        world.order(Command::Exchange { leg: a, other: b });
        let idle = wakes(&mut world, 10, ms(0));
        // Reports, figures and, where a fork listens, a chunk of silence every 20 ms.
        let most = if speaks { 560 } else { 40 };
        assert!(idle <= most, "{idle} wake-ups in 10 s of two legs");
        let before = world.sent_on(a).len();
        world.configure(a, media(1, Codec::Pcmu));
        world.run(ms(1000));
        let sent = world.sent_on(a).len() - before;
        assert!((49..=51).contains(&sent), "{sent}");
    }
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
