//! The side that is called: from their INVITE to our final response.

use std::time::{Duration, Instant};

use super::dialog::{Beginning, Dialog};
use super::offers::Offers;
use super::reliable::{Acknowledged, Reliable};
use super::resend::Resend;
use super::session;
use super::up::{Unacked, Up};
use super::{Call, Ending, Phase, Terms};
use crate::stack::{Core, Incoming, OurContact, Reply, ServerUser, TxId, compose};
use crate::types::{DialogId, EndCause, HeaderList, Identity, IncomingCall, SipEvent};
use crate::value::{RAck, SessionExpires, number};

pub(super) struct Ringing {
    pub tx: TxId,
    pub dialog: Dialog,
    pub reliable: Reliable,
    /// Our offer or answer went out in a reliable response and was PRACKed (RFC 3311 §5.1).
    pub answered: bool,
    cseq: u32,
    prack: Prack,
    has_offer: bool,
    secure: bool,
    session: Option<SessionExpires>,
    /// A 2xx that waits for a PRACK (RFC 3262 §3).
    held: Option<Reply>,
    /// The last status they saw, to be said again each minute.
    status: u16,
    remind_at: Instant,
    expires_at: Option<Instant>,
}

/// What the caller says of 100rel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prack {
    Unknown,
    Supported,
    Required,
}

/// RFC 3261 §13.3.1.1: proxies forget a call that is silent for three minutes.
const REMINDER: Duration = Duration::from_secs(60);

impl Ringing {
    pub fn next_timeout(&self) -> Instant {
        let all = [
            Some(self.remind_at),
            self.expires_at,
            self.reliable.next_timeout(),
        ];
        all.into_iter().flatten().min().unwrap_or(self.remind_at)
    }
}

impl Call {
    /// A new INVITE that was let in: 100 at once, then Python is told.
    pub fn ring(
        now: Instant,
        core: &mut Core,
        incoming: Incoming,
        id: DialogId,
        identity: Identity,
        session: Option<SessionExpires>,
    ) -> Call {
        let local_tag = core.token();
        let tx = core.open_server(now, &incoming, &local_tag, ServerUser::Call(id));
        core.respond(now, tx, Reply::status(100));
        let request = &incoming.request;
        let headers = &request.headers;
        let mut dialog = Dialog::begin(Beginning {
            call_id: &incoming.call_id,
            local: incoming.to.clone().with_tag(&local_tag),
            remote: incoming.from.clone(),
            local_cseq: 0,
            remote_cseq: Some(incoming.cseq.number),
            headers,
            otherwise: &incoming.from.uri,
            is_uac: false,
        });
        let phone = matches!(identity, Identity::User(_));
        dialog.reach_by(&incoming.source, phone);

        let secure = request
            .uri
            .get(..5)
            .is_some_and(|s| s.eq_ignore_ascii_case("sips:"));
        let prack = match () {
            () if headers.has_token("Require", "100rel") => Prack::Required,
            () if headers.has_token("Supported", "100rel") => Prack::Supported,
            () => Prack::Unknown,
        };
        // 0 is a mistake: nobody calls in order to be refused.
        let expires = headers
            .get("Expires")
            .and_then(|text| number(text.trim()))
            .filter(|s| *s > 0);
        let first_rseq = 1 + u32::try_from(core.chance(1 << 30)).unwrap_or(0);
        let ringing = Ringing {
            tx,
            dialog,
            reliable: Reliable::new(incoming.cseq.number, first_rseq),
            answered: false,
            cseq: incoming.cseq.number,
            prack,
            has_offer: !request.body.is_empty(),
            secure,
            session,
            held: None,
            status: 183,
            remind_at: now + REMINDER,
            expires_at: expires.map(|s| now + Duration::from_secs(s.into())),
        };
        let call = Call {
            id,
            call_id: incoming.call_id.clone(),
            local_tag,
            phase: Phase::Ringing(Box::new(ringing)),
            is_uac: false,
            phone,
            contact: OurContact::of(&request.uri),
            credentials: None,
            identity: None,
            terms: Terms::new(core.config.session_expires_s, core.config.min_se_s),
            allows_update: headers.has_token("Allow", "UPDATE"),
            sdp: Vec::new(),
            acks: Vec::new(),
            offers: Offers::default(),
            theirs: None,
            open: Vec::new(),
            journeys: 0,
            lingering: None,
        };
        core.emit(SipEvent::IncomingCall(Box::new(told(
            id, identity, incoming,
        ))));
        call
    }

    /// `Sip.progress`
    pub fn progress(&mut self, now: Instant, core: &mut Core, mut reply: Reply, reliable: bool) {
        let Phase::Ringing(ringing) = &self.phase else {
            return;
        };
        let (tx, secure) = (ringing.tx, ringing.secure);
        self.contact.describe(&reply.headers);
        let contact = self.our_contact(core, tx, secure);
        let Phase::Ringing(ringing) = &mut self.phase else {
            return;
        };
        reply.status = if (101..200).contains(&reply.status) {
            reply.status
        } else {
            183
        };
        reply = reply.with("Contact", contact).with("Allow", compose::ALLOW);
        ringing.status = reply.status;
        ringing.remind_at = now + REMINDER;
        // An offer of ours in a reliable response would be answered in its PRACK, which Python never
        // sees: with a delayed offer it goes plain, or bodiless where PRACK is demanded.
        let offers = !ringing.has_offer && !reply.body.is_empty();
        let reliable = match ringing.prack {
            Prack::Unknown => false,
            Prack::Supported => reliable && !offers,
            Prack::Required => {
                if offers {
                    reply.body.clear();
                }
                true
            }
        };
        if !reliable {
            core.respond(now, ringing.tx, reply);
        } else if let Some((rseq, reply)) = ringing.reliable.offer(reply) {
            ringing.send_reliable(now, core, rseq, reply);
        }
    }

    /// `Sip.answer`
    pub fn answer(&mut self, now: Instant, core: &mut Core, reply: Reply) {
        let Phase::Ringing(ringing) = &self.phase else {
            return;
        };
        let (tx, secure) = (ringing.tx, ringing.secure);
        self.contact.describe(&reply.headers);
        let contact = self.our_contact(core, tx, secure);
        let Phase::Ringing(ringing) = &mut self.phase else {
            return;
        };
        let mut reply = Reply {
            status: 200,
            ..reply
        }
        .with("Contact", contact)
        .with("Allow", compose::ALLOW)
        .with("Supported", "100rel, timer");
        if let Some(session) = ringing.session {
            reply = session_headers(reply, session);
        }
        if ringing.reliable.holds_answer() {
            ringing.held = Some(reply);
        } else {
            self.send_answer(now, core, reply);
        }
    }

    /// `Sip.reject`
    pub fn reject(&mut self, now: Instant, core: &mut Core, mut reply: Reply) {
        if !(300..700).contains(&reply.status) {
            reply.status = 480;
        }
        self.refuse(now, core, EndCause::HungUp, reply);
    }

    pub(super) fn refuse(&mut self, now: Instant, core: &mut Core, cause: EndCause, reply: Reply) {
        let Phase::Ringing(ringing) = &self.phase else {
            return;
        };
        let ending = Ending::status(reply.status);
        core.respond(now, ringing.tx, reply);
        self.end(now, core, cause, ending);
    }

    /// Their CANCEL for a transaction of this call, already answered 200.
    pub fn cancelled(&mut self, now: Instant, core: &mut Core, tx: TxId, headers: HeaderList) {
        match &self.phase {
            Phase::Ringing(ringing) if ringing.tx == tx => {
                core.respond(now, tx, Reply::status(487));
                let ending = Ending {
                    headers,
                    ..Ending::status(487)
                };
                self.end(now, core, EndCause::Cancelled, ending);
            }
            _ => self.cancel_reoffer(now, core, tx),
        }
    }

    /// Their PRACK.
    pub(super) fn pracked(&mut self, now: Instant, core: &mut Core, rack: Option<RAck>) -> u16 {
        let Phase::Ringing(ringing) = &mut self.phase else {
            // Repeats ended with the final response, but a late PRACK is still welcome (§3).
            return if matches!(self.phase, Phase::Up(_)) && !self.is_uac {
                200
            } else {
                481
            };
        };
        let Some(rack) = rack else { return 400 };
        match ringing.reliable.acknowledge(&rack) {
            Acknowledged::Nothing => return 481,
            Acknowledged::Before => return 200,
            Acknowledged::Now { had_body } => ringing.answered |= had_body,
        }
        if let Some((rseq, reply)) = ringing.reliable.next() {
            ringing.send_reliable(now, core, rseq, reply);
        }
        200
    }

    /// After a PRACK was answered: the 2xx that waited for it.
    pub(super) fn send_held(&mut self, now: Instant, core: &mut Core) {
        let Phase::Ringing(ringing) = &mut self.phase else {
            return;
        };
        if ringing.reliable.holds_answer() {
            return;
        }
        if let Some(reply) = ringing.held.take() {
            self.send_answer(now, core, reply);
        }
    }

    pub(super) fn ringing_timeout(&mut self, now: Instant, core: &mut Core) {
        let Phase::Ringing(ringing) = &mut self.phase else {
            return;
        };
        match ringing.reliable.due(now) {
            Ok(Some((to, bytes))) => {
                core.stats.retransmissions += 1;
                core.send(to, bytes);
            }
            Ok(None) => {}
            // §3: no PRACK in 64·T1.
            Err(()) => return self.refuse(now, core, EndCause::Timeout, Reply::status(504)),
        }
        let Phase::Ringing(ringing) = &mut self.phase else {
            return;
        };
        if ringing.expires_at.is_some_and(|at| at <= now) {
            return self.refuse(now, core, EndCause::Timeout, Reply::status(487));
        }
        if ringing.remind_at <= now {
            let reply = Reply::status(ringing.status);
            self.progress(now, core, reply, false);
        }
    }

    fn send_answer(&mut self, now: Instant, core: &mut Core, reply: Reply) {
        let Phase::Ringing(ringing) = std::mem::replace(&mut self.phase, Phase::Over) else {
            return;
        };
        let mut ringing = *ringing;
        ringing.reliable.stop();
        let to = core.servers.reply_to(ringing.tx);
        let delayed = !ringing.has_offer && !reply.body.is_empty();
        self.remember_sdp(&reply.headers, &reply.content_type, &reply.body);
        let bytes = core.respond(now, ringing.tx, reply);
        let session = ringing
            .session
            .map(|session| session::granted(now, session));
        let unacked = to.map(|to| Unacked {
            cseq: ringing.cseq,
            resend: Resend::success(now, bytes, to),
            delayed,
        });
        self.phase = Phase::Up(Box::new(Up::new(ringing.dialog, session).unacked(unacked)));
    }
}

impl Ringing {
    fn send_reliable(&mut self, now: Instant, core: &mut Core, rseq: u32, reply: Reply) {
        let has_body = !reply.body.is_empty();
        let bytes = core.respond(now, self.tx, reply);
        if let Some(to) = core.servers.reply_to(self.tx) {
            self.reliable.sent(now, rseq, has_body, bytes, to);
        }
    }
}

/// RFC 4028 §9: who must refresh has to know of timers, so it is required then.
pub(super) fn session_headers(reply: Reply, session: SessionExpires) -> Reply {
    let reply = reply.with("Session-Expires", session.to_string());
    match session.refresher_is_uac {
        Some(true) => reply.with("Require", "timer"),
        _ => reply,
    }
}

fn told(id: DialogId, identity: Identity, incoming: Incoming) -> IncomingCall {
    let request = incoming.request;
    let text = |name: &str| request.headers.get(name).unwrap_or_default().to_owned();
    IncomingCall {
        dialog: id,
        identity,
        from: text("From"),
        to: text("To"),
        contact: request
            .headers
            .values("Contact")
            .next()
            .unwrap_or_default()
            .to_owned(),
        call_id: incoming.call_id,
        content_type: text("Content-Type"),
        headers: request.headers.to_list(),
        request_uri: request.uri,
        body: request.body,
        source: incoming.source,
    }
}
