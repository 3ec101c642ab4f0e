//! What tests do to the world and ask of it.

use std::time::Duration;

use bridgetap_sip::Message;
use bridgetap_sip::types::*;

use crate::world::*;

pub const SDP: &[u8] = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";

impl World {
    /// Call node `to` from node `from` with an offer.
    pub fn call(&mut self, from: usize, to: usize) -> DialogId {
        let target = format!("sip:bob@{}", self.nodes[to].address);
        self.call_uri(from, &target, |_| {})
    }

    pub fn call_uri(
        &mut self,
        from: usize,
        target: &str,
        change: impl FnOnce(&mut Invite),
    ) -> DialogId {
        let dialog = self.nodes[from].ids.dialog();
        let mut invite = Invite {
            dialog,
            target: target.to_owned(),
            from: "\"Alice\" <sip:alice@example.com>".to_owned(),
            to: "<sip:bob@example.com>".to_owned(),
            headers: vec![("X-Call-Sid".to_owned(), "CA1".to_owned())],
            body: SDP.to_vec(),
            content_type: "application/sdp".to_owned(),
            credentials: None,
            route: vec![],
            flow: None,
            identity: None,
            reliable: Reliable::Supported,
        };
        change(&mut invite);
        self.command(from, Command::Invite(Box::new(invite)));
        dialog
    }

    /// The dialog of the last call that came in at `node`.
    pub fn incoming(&self, node: usize) -> DialogId {
        let calls = self.nodes[node].events.iter().rev();
        let mut ids = calls.filter_map(|event| match event {
            SipEvent::IncomingCall(call) => Some(call.dialog),
            _ => None,
        });
        ids.next().expect("no call came in")
    }

    /// A call between nodes 0 and 1, answered and acknowledged.
    pub fn established(&mut self) -> (DialogId, DialogId) {
        let ours = self.call(0, 1);
        self.run_ms(50);
        let theirs = self.incoming(1);
        self.command(1, answer(theirs));
        self.run_ms(50);
        assert!(self.saw(0, |e| matches!(e, SipEvent::CallAnswered { .. })));
        assert!(self.saw(1, |e| matches!(e, SipEvent::CallAcked { .. })));
        (ours, theirs)
    }

    pub fn hang_up(&mut self, node: usize, dialog: DialogId) {
        self.command(
            node,
            Command::HangUp {
                dialog,
                headers: vec![],
            },
        );
    }

    pub fn saw(&self, node: usize, what: impl Fn(&SipEvent) -> bool) -> bool {
        self.nodes[node].events.iter().any(what)
    }

    pub fn count(&self, node: usize, what: impl Fn(&SipEvent) -> bool) -> usize {
        self.nodes[node]
            .events
            .iter()
            .filter(|event| what(event))
            .count()
    }

    /// How each call of a node ended: cause and status.
    pub fn ends(&self, node: usize) -> Vec<(EndCause, u16)> {
        let events = self.nodes[node].events.iter();
        let ends = events.filter_map(|event| match event {
            SipEvent::CallEnded { cause, status, .. } => Some((*cause, *status)),
            _ => None,
        });
        ends.collect()
    }

    /// Milliseconds at which messages were sent that `what` names: a method, or a status.
    pub fn sent(&self, what: &str) -> Vec<u64> {
        let sent = self
            .log
            .iter()
            .filter(|(_, _, _, message)| name(message) == what);
        sent.map(|(at, ..)| at.as_millis() as u64).collect()
    }

    /// What the log says, one word a message.
    pub fn ladder(&self) -> Vec<String> {
        self.log
            .iter()
            .map(|(_, _, _, message)| name(message))
            .collect()
    }

    /// The last message sent that `what` names.
    pub fn last(&self, what: &str) -> &Message {
        let all = self.log.iter().rev();
        let mut named = all.filter(|(_, _, _, message)| name(message) == what);
        &named
            .next()
            .unwrap_or_else(|| panic!("no {what} was sent"))
            .3
    }

    /// Hang up whatever a node has.
    pub fn hang_up_all(&mut self, node: usize) {
        let last = self.nodes[node].ids.dialog().0;
        (1..=last).for_each(|dialog| self.hang_up(node, DialogId(dialog)));
    }

    /// Hang up whatever a node has, then as `assert_idle`.
    pub fn assert_idle_after_end(&mut self, node: usize) {
        self.hang_up_all(node);
        self.assert_idle();
    }

    /// After two minutes nobody keeps anything.
    pub fn assert_idle(&mut self) {
        self.run_for(Duration::from_secs(120));
        for node in &self.nodes {
            assert!(
                node.stack.is_idle(),
                "{} keeps something: {:?}",
                node.address,
                node.stack.stats()
            );
        }
    }
}

/// A method, or a status.
pub fn name(message: &Message) -> String {
    match message {
        Message::Request(request) => request.method.to_string(),
        Message::Response(response) => response.status.to_string(),
    }
}

pub fn answer(dialog: DialogId) -> Command {
    let content_type = "application/sdp".to_owned();
    Command::Answer {
        dialog,
        body: SDP.to_vec(),
        content_type,
        headers: vec![],
    }
}

pub fn progress(dialog: DialogId, status: u16, body: &[u8], reliable: bool) -> Command {
    let (reason, headers, body) = (String::new(), vec![], body.to_vec());
    Command::Progress {
        dialog,
        status,
        reason,
        headers,
        body,
        reliable,
    }
}

pub fn header<'a>(message: &'a Message, name: &str) -> &'a str {
    message.headers().get(name).unwrap_or("")
}

pub fn is(message: &Message, what: &str) -> bool {
    name(message) == what
}
