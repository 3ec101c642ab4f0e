//! Answers every call, without Python: `uas udp://127.0.0.1:5060 tcp://127.0.0.1:5060 < pipe`.
//! Ends when its standard input does, and says what it cost.

#[allow(dead_code)]
mod support;

use bridgetap_sip::types::{Command, HeaderList, SipEvent};
use support::{Running, SDP, stop_on_eof};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut running = Running::start(std::env::args().skip(1).collect())?;
    let (stop, mut calls) = (stop_on_eof(), 0);
    while let Some(event) = running.next(&stop) {
        let answer = match event {
            SipEvent::IncomingCall(call) => {
                calls += 1;
                running.endpoint.command(Command::Progress {
                    dialog: call.dialog,
                    status: 180,
                    reason: String::new(),
                    headers: HeaderList::new(),
                    body: Vec::new(),
                    reliable: false,
                })?;
                Command::Answer {
                    dialog: call.dialog,
                    body: SDP.to_vec(),
                    content_type: "application/sdp".into(),
                    headers: HeaderList::new(),
                }
            }
            SipEvent::ReofferReceived { request, .. }
            | SipEvent::RequestReceived { request, .. } => Command::Respond {
                request,
                status: 200,
                reason: String::new(),
                headers: HeaderList::new(),
                body: SDP.to_vec(),
                content_type: "application/sdp".into(),
            },
            _ => continue,
        };
        running.endpoint.command(answer)?;
    }
    running.finish(calls);
    Ok(())
}
