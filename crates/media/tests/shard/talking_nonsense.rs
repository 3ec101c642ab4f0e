//! A far server that says what it should not: it is warned of, and the party hears on.

use bridgetap_media::Codec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::talking::{INBOUND, clear, connected, hear, mark, marks, media, say, voice, warnings};
use crate::world::{World, is_tone, ms};

#[test]
fn faults_are_warned_of_once_each_and_the_voice_goes_on() {
    let (mut world, leg, fork) = connected(Codec::Pcmu);
    say(&mut world, fork, media(&voice(600.0, 1000)));
    for text in ["hello", "{}", r#"{"event":"clear","streamSid":"MZ2"}"#] {
        hear(&mut world, fork, text.as_bytes());
    }
    let now = world.now();
    for _ in 0..3 {
        world
            .shard
            .fork_heard_binary(now, fork, 160, &mut world.net);
    }
    world.run(ms(1000));
    assert_eq!(warnings(&world), [31951, 31950]);
    assert!(is_tone(&world.heard_by(leg, 0, Codec::Pcmu), 600.0));
}

#[test]
fn of_a_one_way_stream_messages_mean_nothing() {
    let mut world = World::new();
    let leg = world.leg(1, Codec::Pcmu);
    let fork = world.open_fork(leg, 1, INBOUND);
    say(&mut world, fork, media(&voice(600.0, 1000)));
    say(&mut world, fork, mark("m"));
    world.run(ms(1000));
    assert!(world.sent_on(leg).is_empty() && marks(&world, fork).is_empty());
    assert!(warnings(&world).is_empty());
}

fn anything() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<Vec<u8>>(),
        prop::collection::vec(any::<u8>(), 0..3000)
            .prop_map(|audio| media(&audio).to_string().into_bytes()),
        any::<String>().prop_map(|name| mark(&name).to_string().into_bytes()),
        Just(clear().to_string().into_bytes()),
        Just(br#"{"event":"media","streamSid":"MZ1","media":{"payload":7}}"#.to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_is_sent_every_mark_comes_back_in_order_and_packets_keep_their_pace(
        texts in prop::collection::vec((anything(), 0_u64..60), 0..40),
    ) {
        let (mut world, leg, fork) = connected(Codec::Pcmu);
        let mut expected = Vec::new();
        for (text, wait) in texts {
            if let Ok(Value::Object(message)) = serde_json::from_slice(&text)
                && message.get("event") == Some(&json!("mark"))
            {
                expected.push(message["mark"]["name"].as_str().unwrap().to_owned());
            }
            hear(&mut world, fork, &text);
            world.run(ms(wait));
        }
        say(&mut world, fork, clear());
        prop_assert_eq!(marks(&world, fork), expected);
        world.run(ms(100));
        let sent = world.sent_on(leg);
        for pair in sent.windows(2) {
            prop_assert_eq!(pair[1].at - pair[0].at, ms(20));
            prop_assert_eq!(pair[1].timestamp().wrapping_sub(pair[0].timestamp()), 160);
        }
        prop_assert!(world.fork_ends().is_empty());
    }
}
