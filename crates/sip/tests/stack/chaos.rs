//! Anything Python may ask for, in any order, on a bad network: every call has exactly one end and
//! nothing stays.

use std::collections::HashMap;

use bridgetap_sip::types::*;
use proptest::prelude::*;

use crate::asking::*;
use crate::world::*;

/// One thing that happens at a node, to the call that `which` picks.
#[derive(Clone, Debug)]
enum Step {
    Call { delayed: bool, reliable: bool },
    Progress { reliable: bool, body: bool },
    Answer,
    Reject,
    Ack,
    Reoffer { update: bool, body: bool },
    Respond(u16),
    Info,
    HangUp,
    Wait(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => any::<(bool, bool)>().prop_map(|(delayed, reliable)| Step::Call { delayed, reliable }),
        2 => any::<(bool, bool)>().prop_map(|(reliable, body)| Step::Progress { reliable, body }),
        4 => Just(Step::Answer),
        1 => Just(Step::Reject),
        3 => Just(Step::Ack),
        4 => any::<(bool, bool)>().prop_map(|(update, body)| Step::Reoffer { update, body }),
        4 => prop::sample::select(vec![200_u16, 200, 200, 488, 180]).prop_map(Step::Respond),
        2 => Just(Step::Info),
        1 => Just(Step::HangUp),
        12 => prop::sample::select(vec![1_u16, 7, 30, 600, 2500, 9000]).prop_map(Step::Wait),
    ]
}

fn carry_out(world: &mut World, node: usize, which: usize, step: &Step) {
    let last = world.nodes[node]
        .events
        .iter()
        .filter_map(dialog_of)
        .max()
        .unwrap_or(0);
    let dialog = DialogId(last.saturating_sub(which as u64 % 2));
    let (headers, reason, content_type) = (HeaderList::new(), String::new(), String::new());
    let body = |wanted: bool| if wanted { SDP.to_vec() } else { vec![] };
    let command = match step {
        Step::Call { delayed, reliable } => {
            let target = format!("sip:bob@{}", world.nodes[1 - node].address);
            world.call_uri(node, &target, |invite| {
                invite.body = body(!delayed);
                invite.reliable = if *reliable {
                    Reliable::Required
                } else {
                    Reliable::Supported
                };
            });
            return;
        }
        Step::Progress {
            reliable,
            body: wanted,
        } => Command::Progress {
            dialog,
            status: 183,
            reason,
            headers,
            body: body(*wanted),
            reliable: *reliable,
        },
        Step::Answer => answer(dialog),
        Step::Reject => Command::Reject {
            dialog,
            status: 486,
            reason,
            headers,
        },
        Step::Ack => Command::Ack {
            dialog,
            body: SDP.to_vec(),
            content_type,
        },
        Step::Reoffer {
            update,
            body: wanted,
        } => {
            let method = if *update {
                ReofferMethod::Update
            } else {
                ReofferMethod::Invite
            };
            Command::Reoffer {
                dialog,
                method,
                body: body(*wanted),
                headers,
            }
        }
        Step::Respond(status) => {
            let asked = world.nodes[node]
                .events
                .iter()
                .rev()
                .filter_map(|event| match event {
                    SipEvent::ReofferReceived { request, .. }
                    | SipEvent::RequestReceived { request, .. } => Some(*request),
                    _ => None,
                });
            let Some(request) = asked.take(2).last() else {
                return;
            };
            Command::Respond {
                request,
                status: *status,
                reason,
                headers,
                body: SDP.to_vec(),
                content_type,
            }
        }
        Step::Info => Command::Request(Box::new(OwnRequest {
            request: world.nodes[node].ids.request(),
            method: "INFO".to_owned(),
            dialog: Some(dialog),
            target: String::new(),
            from: String::new(),
            to: String::new(),
            headers,
            body: vec![],
            content_type,
            credentials: None,
            flow: None,
            call_id: String::new(),
            cseq: 0,
        })),
        Step::HangUp => Command::HangUp { dialog, headers },
        Step::Wait(ms) => return world.run_ms(u64::from(*ms)),
    };
    world.command(node, command);
}

fn dialog_of(event: &SipEvent) -> Option<u64> {
    match event {
        SipEvent::IncomingCall(call) => Some(call.dialog.0),
        SipEvent::CallAnswered { dialog, .. } | SipEvent::CallProgress { dialog, .. } => {
            Some(dialog.0)
        }
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_call_ends_once_and_nothing_stays(
        seed: u64,
        loss in prop::sample::select(vec![0_u64, 0, 10, 30]),
        script in prop::collection::vec((0..2_usize, 0..2_usize, step()), 1..120),
    ) {
        let mut world = World::seeded(seed);
        world.add_node(1, |config| config.session_expires_s = 90);
        world.add_node(2, |_| {});
        world.established();
        world.loss_percent = loss;
        let mut placed = [1, 0];
        for (node, which, step) in &script {
            placed[*node] += usize::from(matches!(step, Step::Call { .. }));
            carry_out(&mut world, *node, *which, step);
        }
        world.run_ms(1000);
        // Twice: what was lost may ring over there only after its caller has given up.
        for _ in 0..2 {
            for node in [0, 1] {
                world.hang_up_all(node);
            }
            world.run_ms(70_000);
        }
        world.assert_idle();
        for (node, placed) in placed.iter().enumerate() {
            let came_in = world.count(node, |e| matches!(e, SipEvent::IncomingCall(_)));
            let mut ends: HashMap<u64, usize> = HashMap::new();
            for event in &world.nodes[node].events {
                if let SipEvent::CallEnded { dialog, .. } = event {
                    *ends.entry(dialog.0).or_default() += 1;
                }
            }
            prop_assert_eq!(ends.len(), placed + came_in);
            prop_assert!(ends.values().all(|n| *n == 1));
            prop_assert_eq!(world.nodes[node].stack.stats().dialogs, 0);
        }
    }
}
