//! Legs, bridges, prompts, recordings.

use bridgetap_media::{MediaEvent, Track};

use super::bench::{Core, Phone, converse, local, until_bridged};
use crate::testing::{leg_media, scratch_dir};
use crate::{LegHandle, Media, MediaConfig, MediaError, NewsQueue};

#[test]
fn two_legs_on_one_thread_are_relayed_unchanged_and_in_order() {
    let core = Core::new(1);
    let (left, mut a) = core.call();
    let (right, mut b) = core.call();
    left.bridge(&right).unwrap();
    let (at_b, at_a) = converse(&mut a, &mut b, 25);
    assert!(at_b.iter().all(|p| p.ssrc == right.ssrc()));
    assert!(at_a.iter().all(|p| p.ssrc == left.ssrc()));
    for (n, (b, a)) in at_b.iter().zip(&at_a).enumerate() {
        assert_eq!(b.payload, [n as u8 | 0x80; 160]);
        assert_eq!(a.payload, [n as u8 & 0x7f; 160]);
    }
}

#[test]
fn a_bridge_brings_legs_of_two_threads_together_and_loses_nothing() {
    let mut core = Core::new(2);
    for _ in 0..4 {
        let (left, mut a) = core.call();
        let (right, mut b) = core.call();
        left.bridge(&right).unwrap();
        until_bridged(&mut a, &mut b);
        let (at_b, _) = converse(&mut a, &mut b, 10);
        assert!(at_b.iter().all(|p| p.ssrc == right.ssrc()));
        // And both still answer to their handles, wherever they live now.
        right.close();
        core.leg_closed(right.id());
        left.close();
        core.leg_closed(left.id());
    }
}

/// Also where the two live on different threads: the younger moves first.
#[test]
fn far_ends_change_places_with_their_ports() {
    for threads in [1, 2] {
        let mut core = Core::new(threads);
        let (left, mut a) = core.call();
        let (right, mut b) = core.call();
        let (other, mut c) = core.call();
        left.bridge(&right).unwrap();
        until_bridged(&mut a, &mut b);
        left.exchange(&other).unwrap();
        until_bridged(&mut c, &mut b);
        // The phone is answered under the numbers it knew, from the port it knew.
        let (at_b, at_c) = converse(&mut c, &mut b, 10);
        assert!(at_b.iter().all(|p| p.ssrc == right.ssrc()));
        assert!(at_c.iter().all(|p| p.ssrc == other.ssrc()));
        other.close();
        core.leg_closed(other.id());
        a.say(1);
        converse(&mut c, &mut b, 10);
        assert!(matches!(
            left.exchange(&left),
            Err(MediaError::Value {
                place: "exchange",
                ..
            })
        ));
    }
}

#[test]
fn a_line_that_sends_anothers_track_is_not_bridged_until_that_ends() {
    let core = Core::new(2);
    let (leg, _a) = core.call();
    let (line, mut recorder) = core.call();
    let (other, mut party) = core.call();
    let ways: [fn(&LegHandle, &LegHandle); 2] = [
        |leg: &LegHandle, line: &LegHandle| leg.end_copy(line),
        |leg: &LegHandle, _: &LegHandle| leg.close(),
    ];
    for ends in ways {
        leg.copy(Track::Inbound, &line).unwrap();
        for refused in [
            other.bridge(&line),
            line.bridge(&other),
            line.exchange(&other),
        ] {
            let error = refused.unwrap_err().to_string();
            assert!(
                error.contains("must not be sending another leg's track"),
                "{error}"
            );
        }
        ends(&leg, &line);
        other.bridge(&line).unwrap();
        until_bridged(&mut recorder, &mut party);
        party.say(0x55);
        while recorder.hear().payload != [0x55; 160] {}
    }
}

#[test]
fn orders_given_while_a_leg_moves_follow_it() {
    let mut core = Core::new(2);
    let (left, _a) = core.call();
    let (right, mut b) = core.call();
    let prompt = core.media.load_prompt(&[0; 1600], 8000).unwrap();
    for _ in 0..20 {
        left.bridge(&right).unwrap();
        left.unbridge();
        let play = right.play(&[prompt], 1).unwrap();
        let ended = core.wait(|e| match e {
            MediaEvent::PlayEnded {
                play: of,
                completed,
                ..
            } if *of == play => Some(*completed),
            _ => None,
        });
        assert!(ended);
    }
    assert_eq!(b.hear().ssrc, right.ssrc());
    b.say(1);
}

#[test]
fn a_prompt_is_heard_and_ends_once() {
    let mut core = Core::new(1);
    let (leg, phone) = core.call();
    let prompt = core.media.load_prompt(&[0; 3200], 8000).unwrap();
    let play = leg.play(&[prompt], 1).unwrap();
    let packets: Vec<_> = (0..10).map(|_| phone.hear()).collect();
    assert!(
        packets.iter().all(|p| p.payload == [0xff; 160]),
        "silence in µ-law"
    );
    let completed = core.wait(|e| match e {
        MediaEvent::PlayEnded {
            play: of,
            completed,
            ..
        } if *of == play => Some(*completed),
        _ => None,
    });
    assert!(completed);
    core.media.drop_prompt(prompt);
    assert!(matches!(
        leg.play(&[prompt], 1),
        Err(MediaError::UnknownPrompt(_))
    ));
}

#[test]
fn a_recording_is_on_disk_when_it_says_so_and_before_the_leg_ends() {
    let mut core = Core::new(1);
    let (leg, mut a) = core.call();
    let (other, mut b) = core.call();
    leg.bridge(&other).unwrap();
    let dir = scratch_dir("record");
    let path = dir.join("both.wav").to_str().unwrap().to_owned();
    let record = leg
        .record(&path, &[Track::Inbound, Track::Outbound])
        .unwrap();
    converse(&mut a, &mut b, 30);
    leg.close();
    core.leg_closed(leg.id());
    let ended = core.rest().into_iter().find_map(|e| match e {
        MediaEvent::RecordEnded {
            record: of,
            duration_ms,
            error,
            ..
        } => {
            assert_eq!((of, error.as_str()), (record, ""));
            Some(duration_ms)
        }
        _ => None,
    });
    let duration = ended.expect("the recording's end comes before the leg's");
    let wav = std::fs::read(&path).unwrap();
    assert_eq!(wav.len() as u64, 44 + duration * 8 * 2 * 2);
    assert!(
        duration >= 400,
        "30 packets are 600 ms, less what was still in the timeline"
    );
    let _ = std::fs::remove_dir_all(dir);
}

#[test]
fn strangers_and_garbage_change_nothing_and_are_counted() {
    let mut core = Core::new(1);
    let (left, mut a) = core.call();
    let (right, mut b) = core.call();
    left.bridge(&right).unwrap();
    converse(&mut a, &mut b, 5);
    let mut stranger = Phone::new(left.rtp_port());
    stranger.say(9);
    for garbage in [&b""[..], b"\x80", &[0xff; 2000], &[0x80; 2048]] {
        a.send_raw(garbage);
        stranger.send_raw(garbage);
    }
    converse(&mut a, &mut b, 5);
    left.close();
    let stats = core.wait(|e| match e {
        MediaEvent::LegClosed { stats } if stats.leg == left.id() => Some(stats.clone()),
        _ => None,
    });
    assert_eq!(stats.packets_received, 10);
    assert!(stats.refused_source >= 1, "{stats:?}");
    assert_eq!(left.stats(), Some(stats));
}

#[test]
fn closing_ends_every_leg_and_may_be_done_twice() {
    let mut core = Core::new(2);
    let legs: Vec<_> = (0..6).map(|_| core.call()).collect();
    core.media.close();
    core.media.close();
    for (leg, _) in &legs {
        core.leg_closed(leg.id());
        leg.close();
    }
    assert!(matches!(
        core.media.open_leg("127.0.0.1", ""),
        Err(MediaError::Closed)
    ));
    let (leg, phone) = &legs[0];
    assert!(matches!(
        leg.configure(leg_media(phone.address())),
        Err(MediaError::Closed)
    ));
    assert!(core.rest().is_empty());
}

#[test]
fn what_cannot_start_says_why() {
    let start = |change: fn(&mut MediaConfig)| {
        let mut config = MediaConfig::default();
        change(&mut config);
        let events = std::sync::Arc::new(NewsQueue::<MediaEvent>::new().unwrap());
        Media::start(config, events).err().unwrap().to_string()
    };
    assert!(start(|c| c.ports = (7, 7)).contains("media.ports 7–7"));
    assert!(start(|c| c.trusted_ca = Some("/none.pem".into())).contains("/none.pem"));
    assert!(start(|c| c.deny_networks = vec!["x".into()]).contains("deny_networks \"x\""));
    assert!(start(|c| c.user_agent = "a\nb".into()).contains("user_agent"));
    let core = Core::new(1);
    assert!(matches!(
        core.media.open_leg("here", ""),
        Err(MediaError::Address(_))
    ));
    let (leg, _phone) = core.call();
    assert!(matches!(leg.bridge(&leg), Err(MediaError::Value { .. })));
    assert!(matches!(
        leg.record("x.wav", &[]),
        Err(MediaError::Value { .. })
    ));
}

/// Four callers at three threads: whatever is ordered in whatever order, each start has one end.
#[test]
fn every_start_has_exactly_one_end_whatever_happens_at_once() {
    let mut core = Core::new(3);
    let prompt = core.media.load_prompt(&[0; 320], 8000).unwrap();
    let refused = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let legs: Vec<_> = (0..40).map(|_| core.call()).collect();
    let orders = |caller: usize| {
        let mut started = (Vec::new(), Vec::new());
        for (n, (leg, _)) in legs.iter().enumerate().skip(caller).step_by(4) {
            for other in [n + 1, n + 7, n + 2] {
                leg.bridge(&legs[other % legs.len()].0).unwrap();
                started.0.push(leg.play(&[prompt], 0).unwrap());
                started.1.push(leg.fork(local(refused)).unwrap());
                leg.unbridge();
            }
            if n % 3 == 0 {
                leg.close();
            }
        }
        started
    };
    let started: Vec<_> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|caller| scope.spawn(move || orders(caller)))
            .collect();
        callers
            .into_iter()
            .map(|caller| caller.join().unwrap())
            .collect()
    });
    core.media.close();
    let (mut plays, mut forks, mut closed) = (Vec::new(), Vec::new(), Vec::new());
    for event in core.rest() {
        match event {
            MediaEvent::PlayEnded { play, .. } => plays.push(play),
            MediaEvent::ForkEnded(ended) => forks.push(ended.fork),
            MediaEvent::LegClosed { stats } => closed.push(stats.leg),
            _ => {}
        }
    }
    let mut expected: (Vec<_>, Vec<_>) = (Vec::new(), Vec::new());
    for (plays, forks) in started {
        expected.0.extend(plays);
        expected.1.extend(forks);
    }
    for list in [&mut plays, &mut expected.0] {
        list.sort_unstable();
    }
    for list in [&mut forks, &mut expected.1] {
        list.sort_unstable();
    }
    closed.sort_unstable();
    assert_eq!(plays, expected.0);
    assert_eq!(forks, expected.1);
    assert_eq!(
        closed,
        legs.iter().map(|(leg, _)| leg.id()).collect::<Vec<_>>()
    );
}
