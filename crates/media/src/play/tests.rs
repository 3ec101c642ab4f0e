use std::time::Duration;

use super::*;

const VOICE: Voice = Voice {
    codec: Codec::Pcmu,
    packet: 160,
    events: true,
};

fn prompt(ms: usize, mark: i16) -> Arc<Prompt> {
    let pcm: Vec<u8> = std::iter::repeat_n(mark.to_le_bytes(), ms * 8)
        .flatten()
        .collect();
    Arc::new(Prompt::from_pcm(&pcm, 8000).unwrap())
}

/// Everything sent until the list is empty or `limit` packets went: (ms, what, first byte),
/// and which orders ended when.
#[expect(clippy::type_complexity, reason = "a test's table")]
fn run(
    list: &mut Playlist,
    voice: Voice,
    limit: usize,
) -> (Vec<(u64, Due, u8)>, Vec<(u64, PlayId)>) {
    let start = Instant::now();
    let mut room = Room::new();
    let (mut sent, mut ended) = (Vec::new(), Vec::new());
    list.wake(start);
    while let Some(due) = list.due().filter(|_| sent.len() < limit) {
        let at = due.duration_since(start).as_millis() as u64;
        while let Some(what) = list.step(due, voice, &mut room, |play| ended.push((at, play))) {
            sent.push((at, what, room.payload[0]));
        }
    }
    (sent, ended)
}

#[test]
fn prompts_follow_each_other_without_a_gap_and_end_once() {
    let mut list = Playlist::default();
    let (a, b) = (prompt(50, 1000), prompt(40, -1000));
    assert!(list.play(PlayId(1), vec![a.clone(), b.clone()], 1));
    assert!(list.play(PlayId(2), vec![b], 1));
    let (sent, ended) = run(&mut list, VOICE, 100);
    let lengths: Vec<(u64, usize)> = sent
        .iter()
        .map(|(at, due, _)| match due {
            Due::Audio { length, .. } => (*at, *length),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        lengths,
        [
            (0, 160),
            (20, 160),
            (40, 160),
            (60, 160),
            (80, 80),
            (90, 160),
            (110, 160)
        ]
    );
    assert_eq!(ended, [(80, PlayId(1)), (110, PlayId(2))]);
    assert!(matches!(sent[0].1, Due::Audio { follows: false, .. }));
    assert!(
        sent[1..]
            .iter()
            .all(|s| matches!(s.1, Due::Audio { follows: true, .. }))
    );
}

#[test]
fn loops_are_counted_and_for_ever_is_for_ever() {
    let mut list = Playlist::default();
    list.play(PlayId(1), vec![prompt(20, 5)], 3);
    let (sent, ended) = run(&mut list, VOICE, 100);
    assert_eq!((sent.len(), ended.len()), (3, 1));
    list.play(PlayId(2), vec![prompt(30, 5)], 0);
    let (sent, ended) = run(&mut list, VOICE, 500);
    assert_eq!((sent.len(), ended.len()), (500, 0));
    assert_eq!(list.stop().collect::<Vec<_>>(), [PlayId(2)]);
    assert_eq!(list.due(), None);
}

#[test]
fn nothing_to_hear_is_over_before_it_begins() {
    let mut list = Playlist::default();
    assert!(!list.play(PlayId(1), vec![prompt(0, 0)], 0));
    assert!(!list.play(PlayId(1), vec![], 1));
    assert!(list.is_empty());
}

#[test]
fn the_packet_length_is_the_peers_wish() {
    for ptime in [10, 20, 30, 60_u64] {
        let mut list = Playlist::default();
        list.play(PlayId(1), vec![prompt(120, 5)], 1);
        let voice = Voice {
            packet: ptime as usize * 8,
            ..VOICE
        };
        let (sent, _) = run(&mut list, voice, 100);
        let times: Vec<u64> = sent.iter().map(|s| s.0).collect();
        assert_eq!(times, (0..120).step_by(ptime as usize).collect::<Vec<_>>());
    }
}

#[test]
fn keys_wait_their_turn_and_answer_when_sent() {
    let mut list = Playlist::default();
    list.play(PlayId(1), vec![prompt(40, 5)], 1);
    list.send_keys(PlayId(2), Keys::new("1", 40, 60));
    list.pass_on(Keys::new("2", 40, 60));
    let (sent, ended) = run(&mut list, VOICE, 100);
    let kinds: String = sent
        .iter()
        .map(|s| match s.1 {
            Due::Audio { .. } => 'a',
            Due::Tone { .. } => 't',
            Due::Event { .. } => 'e',
            Due::Pause => '-',
        })
        .collect();
    assert_eq!(kinds, "aaeeee-eeee-");
    assert_eq!(
        ended.iter().map(|e| e.1).collect::<Vec<_>>(),
        [PlayId(1), PlayId(2)]
    );
}

#[test]
fn after_a_standstill_only_a_little_is_made_up() {
    let mut list = Playlist::default();
    list.play(PlayId(1), vec![prompt(2000, 5)], 1);
    let start = Instant::now();
    list.wake(start);
    let mut room = Room::new();
    let mut count = |list: &mut Playlist, at: u64| {
        let now = start + Duration::from_millis(at);
        std::iter::from_fn(|| list.step(now, VOICE, &mut room, |_| ())).count()
    };
    assert_eq!(count(&mut list, 0), 1);
    assert_eq!(count(&mut list, 60), 3);
    assert_eq!(count(&mut list, 1000), 1);
    assert_eq!(count(&mut list, 1020), 1);
}
