//! 2xx to our INVITE: the first, its copies, those of other forks, and their ACKs.

use std::time::Instant;

use super::dialing::MAX_FORKS;
use super::dialog::{Beginning, Dialog};
use super::session;
use super::up::{Owed, Up};
use super::{Call, Ending, Phase};
use crate::message::Response;
use crate::method::Method;
use crate::stack::{Core, JourneyId, Owner, compose};
use crate::types::{EndCause, HeaderList, SendTo, SipEvent, Source};
use crate::value::NameAddr;

/// An ACK to a 2xx; its bytes, once located and sent, answer each copy.
pub(super) struct SentAck {
    tag: String,
    cseq: u32,
    sent: Option<(SendTo, Vec<u8>)>,
}

impl Call {
    /// A 2xx: the first makes the call, a copy of it is acknowledged again, one of another fork is
    /// acknowledged and hung up (RFC 3261 §13.2.2.4).
    pub(super) fn success(
        &mut self,
        now: Instant,
        core: &mut Core,
        journey: JourneyId,
        response: Response,
        source: &Source,
    ) {
        let Some(to) = response
            .headers
            .get("To")
            .and_then(|to| NameAddr::parse(to).ok())
        else {
            return;
        };
        let tag = to.tag().unwrap_or_default().to_owned();
        let cseq = core.cseq_of(journey);
        if self.acknowledge_again(core, &tag, cseq) {
            return;
        }
        let auth = credentials_of(core, journey);
        if !matches!(self.phase, Phase::Dialing(_)) {
            let answered = matches!(&self.phase, Phase::Up(up) if up.dialog.remote_tag() == tag);
            if !answered && self.acks.len() < MAX_FORKS {
                self.refuse_fork(core, to, cseq, &response, &auth);
            }
            return;
        }
        let Phase::Dialing(dialing) = std::mem::replace(&mut self.phase, Phase::Over) else {
            return;
        };
        let mut dialog = dialing.confirm(&self.call_id, to, &response.headers, cseq);
        dialog.reach_by(source, self.phone);
        self.allows_update = response.headers.has_token("Allow", "UPDATE");
        let hung_up = dialing.is_cancelled();
        let needs_ack = dialing.wants_offer && !hung_up && !response.body.is_empty();
        let owed = needs_ack.then(|| Owed {
            cseq,
            auth: auth.clone(),
        });
        if owed.is_none() {
            self.send_ack(core, &dialog, cseq, &auth, Vec::new(), "");
        }
        let session = session::agreed(now, &response.headers);
        if hung_up {
            self.bye(core, &mut dialog, &HeaderList::new());
            self.phase = Phase::Dialing(dialing); // for `end`, which tells once
            return self.end(now, core, EndCause::HungUp, Ending::status(response.status));
        }
        self.phase = Phase::Up(Box::new(Up::new(dialog, session).owing(owed)));
        core.emit(SipEvent::CallAnswered {
            dialog: self.id,
            content_type: response
                .headers
                .get("Content-Type")
                .unwrap_or_default()
                .to_owned(),
            contact: response
                .headers
                .values("Contact")
                .next()
                .unwrap_or_default()
                .to_owned(),
            headers: response.headers.to_list(),
            body: response.body,
            needs_ack,
            source: source.remote,
        });
    }

    fn refuse_fork(
        &mut self,
        core: &mut Core,
        to: NameAddr,
        cseq: u32,
        response: &Response,
        auth: &HeaderList,
    ) {
        let from = response
            .headers
            .get("From")
            .and_then(|from| NameAddr::parse(from).ok());
        let Some(local) = from else { return };
        let mut dialog = Dialog::begin(Beginning {
            call_id: &self.call_id,
            local,
            otherwise: &to.uri.clone(),
            remote: to,
            local_cseq: cseq,
            remote_cseq: None,
            headers: &response.headers,
            is_uac: true,
        });
        self.send_ack(core, &dialog, cseq, auth, Vec::new(), "");
        self.bye(core, &mut dialog, &HeaderList::new());
    }

    /// ACK for a 2xx, with the credentials of its INVITE (§13.2.2.4).
    pub(super) fn send_ack(
        &mut self,
        core: &mut Core,
        dialog: &Dialog,
        cseq: u32,
        auth: &HeaderList,
        body: Vec<u8>,
        content_type: &str,
    ) {
        let mut request = dialog.request_numbered(Method::Ack, cseq);
        auth.iter()
            .for_each(|(name, value)| request.headers.push(name, value));
        compose::add_body(&mut request.headers, &[], content_type, &body);
        request.body = body;
        let tag = dialog.remote_tag().to_owned();
        if self.acks.len() >= 2 * MAX_FORKS {
            self.acks.remove(0);
        }
        self.acks.push(SentAck {
            tag: tag.clone(),
            cseq,
            sent: None,
        });
        self.set_out(core, Owner::Ack(self.id, tag, cseq), request, dialog);
    }

    pub(super) fn ack_sent(&mut self, tag: &str, cseq: u32, to: SendTo, bytes: Vec<u8>) {
        let ack = self
            .acks
            .iter_mut()
            .find(|ack| ack.tag == tag && ack.cseq == cseq);
        if let Some(ack) = ack {
            ack.sent = Some((to, bytes));
        }
    }

    /// A further copy of a 2xx that we have acknowledged.
    pub(super) fn acknowledge_again(&mut self, core: &mut Core, tag: &str, cseq: u32) -> bool {
        let Some(ack) = self
            .acks
            .iter()
            .find(|ack| ack.tag == tag && ack.cseq == cseq)
        else {
            return false;
        };
        if let Some((to, bytes)) = &ack.sent {
            core.stats.retransmissions += 1;
            core.send(to.clone(), bytes.clone());
        }
        true
    }
}

/// The credentials our INVITE went out with.
pub(super) fn credentials_of(core: &Core, journey: JourneyId) -> HeaderList {
    let names = ["Authorization", "Proxy-Authorization"];
    let Some(journey) = core.journeys.get(journey) else {
        return HeaderList::new();
    };
    let all = journey.request.headers.iter();
    let ours = all.filter(|(name, _)| names.iter().any(|n| name.eq_ignore_ascii_case(n)));
    ours.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
