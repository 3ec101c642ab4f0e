//! Figures, RTCP and silence.

use bridgetap_media::{Codec, Command, Direction, MediaEvent};

use crate::world::*;

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

#[test]
fn figures_come_each_second_and_are_right() {
    let mut world = World::new();
    let (a, b) = (world.leg(1, Codec::Pcma), world.leg(2, Codec::Pcmu));
    world.order(Command::Bridge { leg: a, other: b });
    let mut alice = Party::new(a, Codec::Pcma, 440.0);
    for _ in 0..10 {
        world.talk(&mut [&mut alice], ms(480));
        alice.sequence += 1; // one packet in 25 is lost
        alice.timestamp += 160;
        alice.due += ms(20);
    }
    world.run(ms(2000));
    let of_a: Vec<_> = world
        .net
        .stats
        .iter()
        .filter(|stats| stats.leg == a)
        .collect();
    assert!((6..=7).contains(&of_a.len()));
    let last = of_a.last().unwrap();
    assert_eq!(
        (last.packets_received, last.lost),
        (231, 9),
        "the tenth loss shows with the next packet"
    );
    assert_eq!(last.bytes_received, 231 * 160);
    assert!(last.jitter_ms < 1.0);
    // A tone of amplitude 8000: −12.25 − 3.01 dBFS.
    assert!(
        (of_a[1].level_in + 15.26).abs() < 0.3,
        "{}",
        of_a[1].level_in
    );
    assert!(last.level_in < -100.0);
    let of_b = world
        .net
        .stats
        .iter()
        .rfind(|stats| stats.leg == b)
        .unwrap();
    assert_eq!(of_b.packets_sent, 231);
}

#[test]
fn a_wideband_leg_tells_its_level_too() {
    let mut world = World::new();
    let (a, b) = (world.leg(1, Codec::G722), world.leg(2, Codec::G722));
    world.order(Command::Bridge { leg: a, other: b });
    let mut alice = Party::new(a, Codec::G722, 440.0);
    world.talk(&mut [&mut alice], ms(4000));
    let level = world
        .net
        .stats
        .iter()
        .rfind(|stats| stats.leg == a)
        .unwrap()
        .level_in;
    assert!((level + 15.26).abs() < 3.0, "{level}");
}

#[test]
fn reports_say_what_was_sent_and_heard_and_goodbye_at_the_end() {
    let mut world = World::new();
    let (a, b) = (world.leg(1, Codec::Pcmu), world.leg(2, Codec::Pcmu));
    world.order(Command::Bridge { leg: a, other: b });
    let (mut alice, mut bob) = (
        Party::new(a, Codec::Pcmu, 440.0),
        Party::new(b, Codec::Pcmu, 900.0),
    );
    world.talk(&mut [&mut alice, &mut bob], ms(20_000));
    let reports: Vec<Sent> = world
        .net
        .rtcp
        .iter()
        .filter(|sent| sent.leg == a)
        .cloned()
        .collect();
    assert!((3..=8).contains(&reports.len()), "{}", reports.len());
    for report in &reports {
        assert_eq!(report.to, address(4003));
        assert_eq!(
            (report.bytes[0], report.bytes[1]),
            (0x81, 200),
            "a sender report with a block"
        );
        assert_eq!(word(&report.bytes, 4), 0xB001);
        let seconds = word(&report.bytes, 8) - (EPOCH_NTP >> 32) as u32;
        assert_eq!(u64::from(seconds), report.at.as_secs());
        assert_eq!(word(&report.bytes, 28), alice.ssrc);
        assert!(String::from_utf8_lossy(&report.bytes).contains("leg1@test"));
    }
    // The report's RTP time is the stream's at that moment.
    let last = reports.last().unwrap();
    let packet = world
        .sent_on(a)
        .into_iter()
        .rfind(|p| p.at <= last.at)
        .unwrap();
    let ahead = word(&last.bytes, 16).wrapping_sub(packet.timestamp());
    assert_eq!(u128::from(ahead), (last.at - packet.at).as_millis() * 8);

    world.order(Command::CloseLeg { leg: a });
    let goodbye = world.net.rtcp.last().unwrap();
    let bytes = &goodbye.bytes[goodbye.bytes.len() - 8..];
    assert_eq!((bytes[0], bytes[1], word(bytes, 4)), (0x81, 203, 0xB001));
}

#[test]
fn the_peers_report_is_answered_with_its_time() {
    let mut world = World::new();
    let leg = world.leg(1, Codec::Pcmu);
    let mut alice = Party::new(leg, Codec::Pcmu, 440.0);
    world.talk(&mut [&mut alice], ms(100));
    let mut report = vec![0x80, 200, 0, 6];
    for value in [alice.ssrc, 0x1111_2222, 0x3333_4444, 0, 0, 0] {
        report.extend(value.to_be_bytes());
    }
    let now = world.now();
    world.shard.receive_rtcp(
        now,
        leg,
        address(61_000),
        &mut report.clone(),
        &mut world.net,
    );
    world
        .shard
        .receive_rtcp(now, leg, address(61_000), &mut report[..9], &mut world.net);
    world.talk(&mut [&mut alice], ms(8000));
    let ours = &world.net.rtcp[0];
    assert_eq!(ours.to, address(61_000), "answered where it came from");
    assert_eq!(
        (ours.bytes[0], ours.bytes[1]),
        (0x81, 201),
        "nothing was sent: a receiver report"
    );
    assert_eq!(word(&ours.bytes, 24), 0x2222_3333);
    let delay = f64::from(word(&ours.bytes, 28)) / 65_536.0;
    assert!(
        (delay - (ours.at.as_secs_f64() - 0.1)).abs() < 0.01,
        "{delay}"
    );
    assert_eq!(world.net.stats.last().unwrap().malformed, 1);
}

#[test]
fn multiplexed_rtcp_uses_the_rtp_port_both_ways() {
    let mut world = World::new();
    let leg = world.leg(1, Codec::Pcmu);
    let mut muxed = media(1, Codec::Pcmu);
    muxed.remote_rtcp = Some(muxed.remote);
    world.configure(leg, muxed);
    world.receive(leg, address(4002), vec![0x80, 201, 0, 1, 0, 0, 0, 9]);
    world.run(ms(7000));
    assert!(world.net.rtcp.is_empty());
    assert!(world.net.rtp.iter().all(|sent| sent.bytes[1] == 201));
    assert!(!world.net.rtp.is_empty());
    assert_eq!(world.net.stats.last().unwrap().malformed, 0);
}

#[test]
fn silence_is_told_once_until_something_is_heard_again_and_not_on_hold() {
    let mut world = World::with(|config| config.rtp_timeout = ms(2000));
    let leg = world.leg(1, Codec::Pcmu);
    let mut alice = Party::new(leg, Codec::Pcmu, 440.0);
    let told = |world: &World| {
        world
            .events()
            .iter()
            .filter(|event| matches!(event, MediaEvent::RtpTimedOut { .. }))
            .count()
    };
    world.run(ms(1900));
    assert_eq!(told(&world), 0);
    world.run(ms(5000));
    assert_eq!(told(&world), 1);
    world.talk(&mut [&mut alice], ms(500));
    world.run(ms(5000));
    assert_eq!(told(&world), 2);
    let Some((_, MediaEvent::RtpTimedOut { silent_ms, .. })) = world.net.events.last() else {
        panic!("{:?}", world.net.events.last());
    };
    assert!((2000..2010).contains(silent_ms));
    let mut hold = media(1, Codec::Pcmu);
    hold.direction = Direction::SendOnly;
    world.configure(leg, hold);
    world.run(ms(10_000));
    assert_eq!(told(&world), 2);
}
