//! No bytes of a peer can harm the stack: random ones, and right ones bent a little.

use bridgetap_sip::types::*;
use proptest::prelude::*;

use crate::asking::*;
use crate::wire::*;
use crate::world::*;

/// A stack in the middle of everything: a call up, one ringing, one being dialled.
fn busy() -> (World, Vec<Vec<u8>>) {
    let mut world = World::pair();
    world.established();
    let wire = world.add_wire(9);
    let invite = request(
        "INVITE sip:us@h",
        wire,
        "ring",
        "Supported: 100rel, timer",
        "sdp",
    );
    world.inject(wire, 0, &invite);
    let ringing = world.incoming(0);
    world.command(0, progress(ringing, 183, SDP, true));
    world.call_uri(0, "sip:x@127.0.0.9", |_| {});
    world.run_ms(20);
    let early = world.heard_last(wire, "183");
    let dialled = world.wires[&wire]
        .iter()
        .rfind(|m| is(m, "INVITE"))
        .unwrap()
        .clone();
    let to = format!("To: {}", header(&early, "To"));
    let rack = format!(
        "{to}\nCSeq: 2 PRACK\nRAck: {} 1 INVITE",
        header(&early, "RSeq")
    );
    let reliable = [
        ("Require", "100rel"),
        ("RSeq", "5"),
        ("Contact", "<sip:t@127.0.0.9>"),
    ];
    let mut seeds = vec![
        invite,
        request("CANCEL sip:us@h", wire, "ring", "", ""),
        request("PRACK sip:us@h", wire, "pr", &rack, ""),
        request(
            "BYE sip:us@h",
            wire,
            "by",
            &format!("{to}\nCSeq: 3 BYE"),
            "",
        ),
        request(
            "UPDATE sip:us@h",
            wire,
            "up",
            &format!("{to}\nCSeq: 4 UPDATE"),
            "sdp",
        ),
        request("REGISTER sip:us@h", wire, "rg", "Expires: 60", ""),
        request("OPTIONS sip:us@h", wire, "op", "", ""),
        response(&dialled, 183, "t", &reliable, SDP),
        response(&dialled, 200, "t", &reliable[2..], SDP),
        response(
            &dialled,
            407,
            "t",
            &[("Proxy-Authenticate", "Digest realm=x")],
            b"",
        ),
    ];
    // What the two of us said to each other, as if somebody listened and said it again.
    seeds.extend(
        world
            .log
            .iter()
            .map(|(_, _, _, message)| message.to_bytes()),
    );
    (world, seeds)
}

#[derive(Clone, Debug)]
enum Bend {
    Flip(usize, u8),
    Cut(usize),
    Repeat(usize, usize),
    Insert(usize, Vec<u8>),
    DropLine(usize),
    TwinLine(usize),
}

fn bend() -> impl Strategy<Value = Bend> {
    let word = prop::sample::select(vec![
        "\r\n",
        "\r\n\r\n",
        ",",
        ";",
        "\"",
        "<",
        ">",
        "@",
        ":",
        "[",
        "]",
        "%",
        "\0",
        "é",
        "-1",
        "4294967296",
        "tag=",
        ";lr",
        "SIP/2.0",
        "z9hG4bK",
        " ",
    ]);
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Bend::Flip(at, byte)),
        any::<usize>().prop_map(Bend::Cut),
        (any::<usize>(), 1..40_usize).prop_map(|(at, n)| Bend::Repeat(at, n)),
        (any::<usize>(), word).prop_map(|(at, word)| Bend::Insert(at, word.as_bytes().to_vec())),
        any::<usize>().prop_map(Bend::DropLine),
        any::<usize>().prop_map(Bend::TwinLine),
    ]
}

fn bent(seed: &[u8], bends: &[Bend]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for bend in bends {
        let at = |n: usize| n % bytes.len().max(1);
        match bend {
            Bend::Flip(n, byte) => {
                let at = at(*n);
                if let Some(old) = bytes.get_mut(at) {
                    *old = *byte;
                }
            }
            Bend::Cut(n) => bytes.truncate(at(*n)),
            Bend::Repeat(n, times) => {
                let tail = bytes[at(*n).min(bytes.len())..]
                    .iter()
                    .take(9)
                    .copied()
                    .collect::<Vec<u8>>();
                let at = at(*n);
                bytes.splice(at..at, tail.repeat(*times));
            }
            Bend::Insert(n, word) => {
                let at = at(*n);
                bytes.splice(at..at, word.iter().copied());
            }
            Bend::DropLine(n) | Bend::TwinLine(n) => {
                let mut lines: Vec<Vec<u8>> = bytes
                    .split_inclusive(|b| *b == b'\n')
                    .map(<[u8]>::to_vec)
                    .collect();
                let at = n % lines.len().max(1);
                if !lines.is_empty() {
                    let line = lines.remove(at);
                    if matches!(bend, Bend::TwinLine(_)) {
                        lines.insert(at, line.clone());
                        lines.insert(at, line);
                    }
                }
                bytes = lines.concat();
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_bytes_change_nothing(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..20)) {
        let mut world = World::pair();
        for packet in &packets {
            world.inject(address(9), 0, packet);
        }
        world.assert_idle();
        prop_assert!(world.log.is_empty());
    }

    #[test]
    fn bent_messages_neither_harm_nor_stay(
        script in prop::collection::vec((any::<prop::sample::Index>(), prop::collection::vec(bend(), 0..4), 0..3_u8), 1..30),
    ) {
        let (mut world, seeds) = busy();
        for (index, bends, pause) in &script {
            let bytes = bent(&seeds[index.index(seeds.len())], bends);
            let by = if *pause == 0 { Transport::Tcp } else { Transport::Udp };
            world.inject_by(by, address(9), 0, &bytes);
            world.run_ms(u64::from(*pause) * 300);
        }
        let ended = |e: &SipEvent| matches!(e, SipEvent::CallEnded { .. });
        for dialog in 1..200 {
            world.hang_up(0, DialogId(dialog));
        }
        world.run_ms(200);
        world.assert_idle_after_end(1);
        // Every call that began has exactly one end.
        let mut ends: Vec<u64> = world.nodes[0].events.iter().filter_map(|event| match event {
            SipEvent::CallEnded { dialog, .. } => Some(dialog.0),
            _ => None,
        }).collect();
        let total = ends.len();
        ends.sort_unstable();
        ends.dedup();
        prop_assert_eq!(ends.len(), total);
        let began = world.count(0, |e| matches!(e, SipEvent::IncomingCall(_))) + 2;
        prop_assert_eq!(world.count(0, ended), began);
    }
}
