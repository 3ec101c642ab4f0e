//! Passes every call on, without Python: `b2bua sip:127.0.0.1:5070 udp://127.0.0.1:5060 < pipe`.
//! Ends when its standard input does, and says what it cost.

#[allow(dead_code)]
mod support;

use std::collections::HashMap;

use bridgetap_sip::types::{
    Command, DialogId, HeaderList, IncomingCall, Invite, Reliable, SipEvent,
};
use support::{Running, stop_on_eof};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let target = arguments.next().ok_or("usage: b2bua TARGET LISTEN…")?;
    let mut running = Running::start(arguments.collect())?;
    let stop = stop_on_eof();
    // Each leg and the other; true for the one that called us.
    let mut legs: HashMap<DialogId, (DialogId, bool)> = HashMap::new();
    let mut calls = 0;
    while let Some(event) = running.next(&stop) {
        match event {
            SipEvent::IncomingCall(call) => {
                calls += 1;
                let b = running.endpoint.invite(pass_on(&target, &call))?;
                legs.insert(call.dialog, (b, true));
                legs.insert(b, (call.dialog, false));
            }
            event => {
                if let Some(command) = couple(&mut legs, event) {
                    running.endpoint.command(command)?;
                }
            }
        }
    }
    println!("legs_left={}", legs.len());
    running.finish(calls);
    Ok(())
}

fn pass_on(target: &str, call: &IncomingCall) -> Invite {
    Invite {
        dialog: DialogId(0),
        target: target.to_owned(),
        from: "<sip:caller@bridgetap.invalid>".into(),
        to: format!("<{target}>"),
        headers: HeaderList::new(),
        body: call.body.clone(),
        content_type: call.content_type.clone(),
        credentials: None,
        route: Vec::new(),
        flow: None,
        identity: None,
        reliable: Reliable::Off,
    }
}

fn couple(legs: &mut HashMap<DialogId, (DialogId, bool)>, event: SipEvent) -> Option<Command> {
    let headers = HeaderList::new();
    match event {
        SipEvent::CallProgress {
            dialog,
            status,
            reason,
            body,
            ..
        } => {
            let dialog = legs.get(&dialog)?.0;
            Some(Command::Progress {
                dialog,
                status,
                reason,
                headers,
                body,
                reliable: false,
            })
        }
        SipEvent::CallAnswered {
            dialog,
            content_type,
            body,
            ..
        } => {
            let dialog = legs.get(&dialog)?.0;
            Some(Command::Answer {
                dialog,
                body,
                content_type,
                headers,
            })
        }
        SipEvent::CallEnded {
            dialog,
            status,
            reason,
            ..
        } => {
            let (other, ended_was_caller) = legs.remove(&dialog)?;
            legs.remove(&other);
            Some(match status {
                400..=699 if !ended_was_caller => Command::Reject {
                    dialog: other,
                    status,
                    reason,
                    headers,
                },
                _ => Command::HangUp {
                    dialog: other,
                    headers,
                },
            })
        }
        _ => None,
    }
}
