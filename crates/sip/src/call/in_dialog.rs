//! Their requests inside the call: order, extensions, then one place for each method.

use std::time::Instant;

use super::{Call, Ending, Phase, tell_response};
use crate::headers::is_token;
use crate::message::Response;
use crate::method::Method;
use crate::stack::{Core, Incoming, Owner, Reply, ServerUser, compose};
use crate::types::{EndCause, OwnRequest, SipEvent};
use crate::value::RAck;

/// More requests of one call than this may not wait for Python.
const MAX_OPEN: usize = 32;

impl Call {
    /// A request with our tag in its To. ACK and CANCEL come in by other doors.
    pub fn request(&mut self, now: Instant, core: &mut Core, incoming: Incoming) {
        let method = incoming.request.method.clone();
        if self.is_over() && method == Method::Bye {
            // Both hung up at once: theirs is as good as ours.
            return self.answer_inside(now, core, &incoming, Reply::status(200));
        }
        let tag = incoming.from.tag().unwrap_or_default();
        let Some(dialog) = self.dialog_mut(tag) else {
            return self.answer_inside(now, core, &incoming, Reply::status(481));
        };
        // RFC 3261 §12.2.2
        if dialog
            .remote_cseq
            .is_some_and(|last| incoming.cseq.number < last)
        {
            return self.answer_inside(now, core, &incoming, Reply::status(500));
        }
        dialog.remote_cseq = Some(incoming.cseq.number);
        if let Some(reply) = compose::unknown_extensions(&incoming.request) {
            return self.answer_inside(now, core, &incoming, reply);
        }
        match method {
            Method::Bye => self.bye_received(now, core, &incoming),
            Method::Options => self.answer_inside(now, core, &incoming, compose::capabilities()),
            Method::Prack => self.prack_received(now, core, &incoming),
            Method::Update if incoming.request.body.is_empty() => {
                self.their_refresh(now, core, &incoming)
            }
            Method::Invite if !matches!(self.phase, Phase::Up(_)) => {
                // A re-INVITE before the first one is answered (§14.2).
                let reply = Reply::status(500).with("Retry-After", core.chance(11).to_string());
                self.answer_inside(now, core, &incoming, reply);
            }
            Method::Invite | Method::Update => {
                let answered =
                    self.first_offer_is_answered(incoming.from.tag().unwrap_or_default());
                self.their_offer(now, core, incoming, answered);
            }
            _ => self.leave_to_python(now, core, incoming),
        }
    }

    /// RFC 3311 §5.2: an UPDATE may not offer while the first offer is without its answer.
    fn first_offer_is_answered(&self, tag: &str) -> bool {
        match &self.phase {
            Phase::Dialing(dialing) => dialing.is_answered(tag),
            Phase::Ringing(ringing) => ringing.answered,
            Phase::Up(_) | Phase::Over => true,
        }
    }

    fn bye_received(&mut self, now: Instant, core: &mut Core, incoming: &Incoming) {
        if matches!(self.phase, Phase::Dialing(_)) {
            // §15: only the caller may end an early dialog so.
            return self.answer_inside(now, core, incoming, Reply::status(481));
        }
        self.answer_inside(now, core, incoming, Reply::status(200));
        if let Phase::Ringing(ringing) = &self.phase {
            core.respond(now, ringing.tx, Reply::status(487));
        }
        let ending = Ending {
            headers: incoming.request.headers.to_list(),
            ..Ending::default()
        };
        self.end(now, core, EndCause::Bye, ending);
    }

    fn prack_received(&mut self, now: Instant, core: &mut Core, incoming: &Incoming) {
        let rack = incoming
            .request
            .headers
            .get("RAck")
            .and_then(|text| RAck::parse(text).ok());
        let status = self.pracked(now, core, rack);
        // An offer in a PRACK has no place in our contract with Python.
        let status = if status == 200 && !incoming.request.body.is_empty() {
            488
        } else {
            status
        };
        self.answer_inside(now, core, incoming, Reply::status(status));
        self.send_held(now, core);
    }

    fn leave_to_python(&mut self, now: Instant, core: &mut Core, incoming: Incoming) {
        if self.open.len() >= MAX_OPEN {
            self.open
                .retain(|request| core.pending.contains_key(request));
        }
        if self.open.len() >= MAX_OPEN {
            let reply = Reply::status(503).with("Retry-After", "5");
            return self.answer_inside(now, core, &incoming, reply);
        }
        let id = core.config.ids.request();
        let tx = core.open_server(now, &incoming, &self.local_tag, ServerUser::Request(id));
        self.leave_open(core, tx, id);
        let request = incoming.request;
        core.emit(SipEvent::RequestReceived {
            dialog: self.id,
            request: id,
            method: request.method.as_str().to_owned(),
            content_type: request
                .headers
                .get("Content-Type")
                .unwrap_or_default()
                .to_owned(),
            headers: request.headers.to_list(),
            body: request.body,
        });
    }

    /// `Sip.request` inside this call.
    pub fn send_request(&mut self, core: &mut Core, own: OwnRequest) {
        let method = Method::new(&own.method);
        let reserved = matches!(
            method,
            Method::Invite
                | Method::Ack
                | Method::Cancel
                | Method::Bye
                | Method::Prack
                | Method::Update
        );
        let dialog = match &mut self.phase {
            Phase::Up(up) => Some(&mut up.dialog),
            Phase::Ringing(ringing) => Some(&mut ringing.dialog),
            Phase::Dialing(dialing) => dialing.dialogs().last(),
            Phase::Over => None,
        };
        let Some(dialog) = dialog.filter(|_| !reserved && is_token(&own.method)) else {
            let status = if reserved { 405 } else { 481 };
            return tell_response(core, own.request, Response::local(status), None);
        };
        let mut request = dialog.request(method);
        let dialog = dialog.clone();
        compose::add_custom(&mut request.headers, &own.headers);
        compose::add_body(
            &mut request.headers,
            &own.headers,
            &own.content_type,
            &own.body,
        );
        request.body = own.body;
        if own.credentials.is_some() {
            self.credentials = own.credentials;
        }
        self.set_out(
            core,
            Owner::InDialog(self.id, own.request),
            request,
            &dialog,
        );
    }

    /// Answered without Python, in a transaction: its copies get the same answer.
    fn answer_inside(&self, now: Instant, core: &mut Core, incoming: &Incoming, reply: Reply) {
        let tx = core.open_server(now, incoming, &self.local_tag, ServerUser::Nobody);
        core.respond(now, tx, reply);
    }
}
