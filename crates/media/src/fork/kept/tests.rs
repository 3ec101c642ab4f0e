use proptest::prelude::*;

use super::*;

const HOW: Resume = Resume {
    overlap_ms: 200,
    ring_ms: 1000,
};

/// Put in the `n`th message: inbound and outbound take turns, 20 ms each.
fn push(kept: &mut Kept, n: u64) -> u64 {
    let mut chunks = [0, 0];
    chunks[(n % 2) as usize] = 1;
    let message = Message {
        frame: ForkFrame::Media,
        chunks,
        clock_ms: (n / 2 + 1) * CHUNK_MS,
        arrived: None,
        repaired: 0,
    };
    kept.push(message, format!("message {}", n + 2).as_bytes())
}

fn push_all(kept: &mut Kept, numbers: std::ops::Range<u64>) {
    for n in numbers {
        push(kept, n);
    }
}

/// Hand over all that waits: what the receiver is told.
fn pull(kept: &mut Kept) -> Vec<String> {
    let mut told = Vec::new();
    loop {
        if let Some(gap) = kept.gap() {
            kept.gap_told(gap);
            told.push(format!("gap {}-{}", gap.first, gap.last));
        }
        let mut out = Vec::new();
        if kept.hand_over(&mut out).is_none() {
            return told;
        }
        kept.trim(0);
        told.push(String::from_utf8(out).unwrap());
    }
}

fn messages(numbers: std::ops::RangeInclusive<u64>) -> Vec<String> {
    numbers.map(|n| format!("message {n}")).collect()
}

#[test]
fn what_was_sent_stays_for_the_overlap_and_no_longer() {
    let mut kept = Kept::new(2, HOW);
    for n in 0..1000 {
        assert_eq!(push(&mut kept, n), 0);
        assert_eq!(pull(&mut kept), messages(n + 2..=n + 2));
    }
    assert!(
        (20..=24).contains(&kept.entries.len()),
        "{}",
        kept.entries.len()
    );
    assert_eq!(kept.sent(), 1001);
    assert!(kept.bytes.capacity() < 4 * SMALL);
}

#[test]
fn the_memory_of_a_long_wait_goes_back() {
    let mut kept = Kept::new(
        2,
        Resume {
            ring_ms: 60_000,
            ..HOW
        },
    );
    let message = |n: u64| Message {
        frame: ForkFrame::Media,
        chunks: [1, 0],
        clock_ms: (n + 1) * CHUNK_MS,
        arrived: None,
        repaired: 0,
    };
    for n in 0..3000 {
        kept.push(message(n), &[b'x'; 400]);
    }
    assert!(kept.bytes.capacity() > 1_000_000);
    pull(&mut kept);
    for n in 3000..3020 {
        kept.push(message(n), &[b'x'; 400]);
        pull(&mut kept);
    }
    // 200 ms of it stay.
    let (bytes, entries) = (kept.bytes.capacity(), kept.entries.capacity());
    assert!(bytes <= 8 * SMALL && entries <= 128, "{bytes} {entries}");
}

#[test]
fn a_server_that_says_what_it_kept_gets_exactly_the_rest() {
    let mut kept = Kept::new(2, HOW);
    push_all(&mut kept, 0..100);
    pull(&mut kept);
    push_all(&mut kept, 100..120);
    assert_eq!(kept.rewind(Some(95), 0), 6);
    assert_eq!(pull(&mut kept), messages(96..=121));
    // It cannot have more than was sent, nor less than nothing.
    kept.rewind(Some(5000), 0);
    assert!(pull(&mut kept).is_empty());
}

#[test]
fn a_server_that_says_nothing_gets_the_overlap() {
    let mut kept = Kept::new(2, HOW);
    push_all(&mut kept, 0..100);
    pull(&mut kept);
    push_all(&mut kept, 100..110);
    let again = kept.rewind(None, 0);
    assert_eq!(again, 20, "200 ms of two tracks");
    assert_eq!(pull(&mut kept), messages(82..=111));
    // What had not arrived for sure comes on top.
    assert!(
        kept.rewind(None, 400) <= 22,
        "kept no longer than the overlap"
    );
}

#[test]
fn what_fell_out_is_one_gap_from_the_last_that_was_kept() {
    let mut kept = Kept::new(2, HOW);
    push_all(&mut kept, 0..100);
    pull(&mut kept);
    let lost: u64 = (100..400).map(|n| push(&mut kept, n)).sum();
    assert_eq!(lost, 300 - 2 * 51, "a second of both tracks stays");
    kept.rewind(Some(91), 0);
    let gap = kept.gap().unwrap();
    assert_eq!((gap.first, gap.last), (92, 299));
    // Of 90 messages the receiver has, half are of each track.
    assert_eq!((gap.before, gap.lost), ([45, 45], [104, 104]));
    let told = pull(&mut kept);
    assert_eq!(told[0], "gap 92-299");
    assert_eq!(told[1..], messages(300..=401));
}

#[test]
fn without_an_answer_the_gap_begins_behind_what_was_sent() {
    let mut kept = Kept::new(2, HOW);
    push_all(&mut kept, 0..100);
    pull(&mut kept);
    push_all(&mut kept, 100..400);
    assert_eq!(kept.rewind(None, 0), 0);
    assert_eq!(pull(&mut kept)[..2], ["gap 102-299", "message 300"]);
}

#[test]
fn what_was_passed_over_and_then_sent_after_all_is_not_lost() {
    let mut kept = Kept::new(2, HOW);
    push(&mut kept, 0);
    pull(&mut kept);
    push_all(&mut kept, 1..40);
    assert_eq!(kept.behind_ms(), 400);
    assert_eq!(kept.pass_over(100), 29);
    let gap = kept.gap().unwrap();
    assert_eq!((gap.first, gap.last), (3, 31));
    kept.rewind(Some(2), 0);
    let mut out = Vec::new();
    assert!(kept.hand_over(&mut out).unwrap().recovered);
    assert_eq!(out, b"message 3");
}

#[test]
fn a_receiver_that_kept_a_gap_is_not_sent_what_was_in_it() {
    let mut kept = Kept::new(2, HOW);
    push_all(&mut kept, 0..16);
    kept.pass_over(0);
    assert_eq!(pull(&mut kept), ["gap 2-17"]);
    kept.rewind(Some(17), 0);
    push(&mut kept, 16);
    assert_eq!(pull(&mut kept), ["message 18"]);
}

proptest! {
    /// Whatever happens: no number comes twice on a connection or is left out, but for gaps.
    #[test]
    fn every_number_is_told_or_named_in_a_gap(
        acts in prop::collection::vec((0..4u8, 0..80u64), 0..60),
    ) {
        let mut kept = Kept::new(2, HOW);
        let mut pushed = 0;
        let mut last = 1;
        for (act, count) in acts {
            match act {
                0 => for _ in 0..count {
                    push(&mut kept, pushed);
                    pushed += 1;
                },
                1 => {
                    for told in pull(&mut kept) {
                        let numbers: Vec<u64> = told
                            .split(|c: char| !c.is_ascii_digit())
                            .filter_map(|part| part.parse().ok())
                            .collect();
                        prop_assert_eq!(numbers[0], last + 1, "{}", told);
                        last = *numbers.last().unwrap();
                    }
                    prop_assert_eq!(last, pushed + 1);
                }
                2 => {
                    let kept_by_peer = last.saturating_sub(count);
                    kept.rewind(Some(kept_by_peer), 0);
                    last = kept_by_peer.max(1);
                }
                _ => {
                    kept.pass_over(count * 10);
                }
            }
        }
    }
}
