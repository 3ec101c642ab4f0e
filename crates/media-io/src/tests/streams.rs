//! Forks to a server that behaves.

use std::sync::mpsc::Receiver;

use bridgetap_media::{EndReason, Track};

use super::bench::{Core, Got, PATIENCE, converse, local, member, until_bridged};

/// The texts up to the close frame, whose payload comes with them.
fn all(got: &Receiver<Got>) -> (Vec<String>, Vec<u8>) {
    let mut texts = Vec::new();
    loop {
        match got
            .recv_timeout(PATIENCE)
            .expect("the stream ends with a close frame")
        {
            Got::Text(text) => texts.push(text),
            Got::Close(payload) => return (texts, payload),
        }
    }
}

/// Order and counters of a whole stream: connected, start, media of each track without a gap, stop.
fn assert_whole(texts: &[String], tracks: &[&str]) {
    assert_eq!(member(&texts[0], "event"), "connected");
    assert_eq!(member(&texts[1], "event"), "start");
    assert_eq!(member(&texts[texts.len() - 1], "event"), "stop");
    let mut chunks = vec![0u64; tracks.len()];
    for (n, text) in texts.iter().enumerate().skip(1) {
        assert_eq!(member(text, "sequenceNumber"), n.to_string(), "{text}");
        if (2..texts.len() - 1).contains(&n) {
            assert_eq!(member(text, "event"), "media");
            let track = tracks
                .iter()
                .position(|t| *t == member(text, "track"))
                .unwrap();
            chunks[track] += 1;
            assert_eq!(member(text, "chunk"), chunks[track].to_string(), "{text}");
            assert_eq!(member(text, "payload").len(), 216);
        }
    }
    assert!(chunks.iter().all(|count| *count >= 20), "{chunks:?}");
}

#[test]
fn both_tracks_of_a_bridged_call_arrive_gapless_and_the_end_is_clean() {
    let mut core = Core::new(1);
    let (left, mut a) = core.call();
    let (right, mut b) = core.call();
    left.bridge(&right).unwrap();
    let (port, got) = core.receiver();
    let mut target = local(port);
    target.tracks = vec![Track::Inbound, Track::Outbound];
    let fork = left.fork(target).unwrap();
    core.fork_opened();
    converse(&mut a, &mut b, 40);
    left.stop_fork(fork);
    let (texts, close) = all(&got);
    assert_whole(&texts, &["inbound", "outbound"]);
    assert_eq!(close, [0x03, 0xe8], "1000");
    let ended = core.fork_ended();
    assert_eq!(
        (ended.reason, ended.code),
        (EndReason::Stopped, 0),
        "{ended:?}"
    );
    assert_eq!(ended.frames_sent, texts.len() as u64 - 3);
    // Left hears what B says: B's value is on its outbound track.
    let payload = |text: &String| member(text, "payload").to_owned();
    let of = |track: &str| {
        texts
            .iter()
            .filter(|t| t.contains(&format!("\"track\":\"{track}\"")))
            .map(payload)
            .collect::<Vec<_>>()
    };
    let silence = "/".repeat(4);
    assert!(of("inbound").iter().any(|p| !p.starts_with(&silence)));
    assert_ne!(of("inbound")[20], of("outbound")[20]);
}

#[test]
fn a_fork_ends_with_its_leg_and_all_that_was_taken_arrives() {
    let mut core = Core::new(1);
    let (left, mut a) = core.call();
    let (right, mut b) = core.call();
    left.bridge(&right).unwrap();
    let (port, got) = core.receiver();
    left.fork(local(port)).unwrap();
    core.fork_opened();
    converse(&mut a, &mut b, 30);
    left.close();
    core.leg_closed(left.id());
    let (texts, _) = all(&got);
    assert_whole(&texts, &["inbound"]);
    assert_eq!(core.fork_ended().reason, EndReason::CallEnded);
}

#[test]
fn a_stream_moves_with_its_leg_between_threads() {
    let mut core = Core::new(2);
    let (left, mut a) = core.call();
    let (right, mut b) = core.call();
    let (port, got) = core.receiver();
    let fork = right.fork(local(port)).unwrap();
    core.fork_opened();
    left.bridge(&right).unwrap(); // the younger, with its open stream, goes to the older
    until_bridged(&mut a, &mut b);
    converse(&mut a, &mut b, 40);
    right.stop_fork(fork);
    assert_whole(&all(&got).0, &["inbound"]);
    assert_eq!(core.fork_ended().reason, EndReason::Stopped);
}

#[test]
fn closing_media_drains_open_streams() {
    let mut core = Core::new(1);
    let (left, mut a) = core.call();
    let (right, mut b) = core.call();
    left.bridge(&right).unwrap();
    let (port, got) = core.receiver();
    left.fork(local(port)).unwrap();
    core.fork_opened();
    converse(&mut a, &mut b, 30);
    core.media.close();
    assert_whole(&all(&got).0, &["inbound"]);
    assert_eq!(core.fork_ended().reason, EndReason::CallEnded);
    core.leg_closed(left.id());
    core.leg_closed(right.id());
}

#[test]
fn a_fork_stopped_while_it_connects_ends_and_leaves_no_stream() {
    let mut core = Core::new(1);
    let (leg, _phone) = core.call();
    let held = std::sync::Mutex::new(Vec::new());
    let silent = crate::testing::server::listen(move |c| held.lock().unwrap().push(c)).port();
    let fork = leg.fork(local(silent)).unwrap();
    leg.stop_fork(fork);
    assert_eq!(core.fork_ended().fork, fork);
    core.media.close();
    assert_eq!(core.media.stats()["streams_connecting"], 0);
    assert!(
        core.rest()
            .iter()
            .all(|e| !matches!(e, bridgetap_media::MediaEvent::ForkEnded(_)))
    );
}
