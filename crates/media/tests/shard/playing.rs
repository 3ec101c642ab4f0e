//! Prompts and their ends.

use bridgetap_media::{Codec, Command, LegConfig, LegId, PlayId};

use crate::world::*;

fn play(leg: LegId, id: u64, hz: f64, time: u64, loops: u32) -> Command {
    Command::Play {
        leg,
        play: PlayId(id),
        prompts: vec![prompt(hz, ms(time))],
        loops,
    }
}

#[test]
fn a_prompt_is_heard_whole_in_real_time_in_every_codec() {
    for codec in [Codec::Pcmu, Codec::Pcma] {
        let mut world = World::new();
        let leg = world.leg(1, codec);
        world.order(play(leg, 1, 600.0, 2000, 1));
        world.run(ms(3000));
        let sent = world.sent_on(leg);
        assert_eq!(sent.len(), 100);
        for (n, packet) in sent.iter().enumerate() {
            assert_eq!(packet.at, sent[0].at + ms(20 * n as u64));
            assert_eq!(packet.marker(), n == 0);
        }
        assert!(is_tone(
            &world.heard_by(leg, payload_type(codec), codec),
            600.0
        ));
        assert_eq!(world.play_ends(), [(PlayId(1), true)]);
    }
}

#[test]
fn stop_ends_all_that_is_queued_and_says_so() {
    let mut world = World::new();
    let leg = world.leg(1, Codec::Pcmu);
    world.order(play(leg, 1, 600.0, 500, 1));
    world.order(play(leg, 2, 700.0, 500, 0));
    world.order(play(leg, 3, 800.0, 500, 1));
    world.run(ms(2000));
    assert_eq!(world.play_ends(), [(PlayId(1), true)]);
    world.order(Command::StopPlay { leg });
    assert_eq!(
        world.play_ends()[1..],
        [(PlayId(2), false), (PlayId(3), false)]
    );
    let before = world.sent_on(leg).len();
    world.run(ms(500));
    assert_eq!(world.sent_on(leg).len(), before);
    world.order(play(leg, 4, 600.0, 100, 1));
    world.run(ms(500));
    assert_eq!(world.sent_on(leg).len(), before + 5);
}

#[test]
fn every_order_ends_even_on_a_leg_that_is_gone_or_closes() {
    let mut world = World::new();
    let leg = world.leg(1, Codec::Pcmu);
    world.order(play(leg, 1, 600.0, 500, 0));
    world.order(Command::CloseLeg { leg });
    world.order(play(leg, 2, 600.0, 500, 1));
    world.order(Command::SendDtmf {
        leg: LegId(99),
        play: PlayId(3),
        digits: "1".into(),
        duration_ms: 100,
        gap_ms: 70,
    });
    world.order(Command::Play {
        leg,
        play: PlayId(4),
        prompts: Vec::new(),
        loops: 1,
    });
    let ends = [1, 2, 3, 4].map(|n| (PlayId(n), false));
    assert_eq!(world.play_ends(), ends);
}

#[test]
fn nothing_flows_before_the_leg_is_configured() {
    let mut world = World::new();
    let leg = LegId(1);
    world.order(Command::OpenLeg(LegConfig {
        id: leg,
        ssrc: 1,
        first_sequence: 1,
        first_timestamp: 1,
        seed: 1,
    }));
    world.order(play(leg, 1, 600.0, 100, 1));
    world.receive(leg, address(4002), rtp(0, 1, 0, 7, &[0; 160]));
    world.run(ms(1000));
    assert!(world.net.rtp.is_empty());
    world.configure(leg, media(1, Codec::Pcmu));
    world.run(ms(1000));
    assert_eq!(world.sent_on(leg).len(), 5);
    assert_eq!(world.play_ends(), [(PlayId(1), true)]);
}

#[test]
fn the_peers_packet_length_is_kept() {
    let mut world = World::new();
    let leg = world.leg(1, Codec::Pcmu);
    let mut agreed = media(1, Codec::Pcmu);
    agreed.ptime_ms = 30;
    world.configure(leg, agreed);
    world.order(play(leg, 1, 600.0, 300, 1));
    world.run(ms(1000));
    let sent = world.sent_on(leg);
    assert_eq!(sent.len(), 10);
    assert!(sent.iter().all(|packet| packet.payload().len() == 240));
    assert!(
        sent.windows(2)
            .all(|p| p[1].timestamp().wrapping_sub(p[0].timestamp()) == 240)
    );
}

#[test]
fn a_prompt_goes_on_in_the_codec_a_reinvite_changes_to() {
    let mut world = World::new();
    let leg = world.leg(1, Codec::Pcmu);
    world.order(play(leg, 1, 600.0, 2000, 1));
    world.run(ms(1000));
    world.configure(leg, media(1, Codec::Pcma));
    world.run(ms(2000));
    let (before, after) = (
        world.heard_by(leg, 0, Codec::Pcmu),
        world.heard_by(leg, 8, Codec::Pcma),
    );
    assert!((before.len() + after.len()).abs_diff(16_000) <= 160);
    assert!(is_tone(&before, 600.0) && is_tone(&after, 600.0));
}
