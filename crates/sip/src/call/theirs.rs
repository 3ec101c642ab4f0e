//! Their re-INVITEs and UPDATEs (RFC 3261 §14.2, RFC 3311, RFC 6141): one at a time, answered by
//! Python, or here where they only refresh the session.

use std::time::Instant;

use super::resend::Resend;
use super::session;
use super::uas::session_headers;
use super::up::Unacked;
use super::{Call, Phase, sdp_sent};
use crate::headers::Headers;
use crate::method::Method;
use crate::stack::{Core, Incoming, Reply, ServerUser, TxId, compose};
use crate::transaction::PATIENCE;
use crate::types::{ReofferMethod, RequestId, SipEvent, Source};
use crate::value::SessionExpires;

/// A re-INVITE or UPDATE of theirs that Python has not answered.
pub(super) struct Theirs {
    request: RequestId,
    tx: TxId,
    method: Method,
    cseq: u32,
    has_offer: bool,
    refresh: Refresh,
    pub give_up: Instant,
}

/// What takes effect once a request of theirs is accepted.
struct Refresh {
    remote_tag: String,
    /// Their Contact (target refresh, RFC 6141 §4).
    contact: Headers,
    source: Source,
    session: Option<SessionExpires>,
}

/// The most a peer is asked to wait.
const RETRY_AFTER_S: u64 = 10;

impl Call {
    /// Their re-INVITE, or their UPDATE with an offer. `answered`: our side has no offer of theirs
    /// to answer from before (early dialogs).
    pub(super) fn their_offer(
        &mut self,
        now: Instant,
        core: &mut Core,
        incoming: Incoming,
        answered: bool,
    ) {
        let invite = incoming.request.method == Method::Invite;
        let tx = core.open_server(now, &incoming, &self.local_tag, ServerUser::Nobody);
        if invite {
            self.imply_ack(now, core);
        }
        let (unacked, owed) = match &self.phase {
            Phase::Up(up) => (up.unacked.is_some(), up.owed.is_some()),
            Phase::Dialing(_) | Phase::Ringing(_) => (false, false),
            Phase::Over => return drop(core.respond(now, tx, Reply::status(481))),
        };
        if self.theirs.is_some() || unacked || !answered {
            let wait = core.chance(RETRY_AFTER_S + 1);
            core.respond(
                now,
                tx,
                Reply::status(500).with("Retry-After", wait.to_string()),
            );
            return;
        }
        if self.is_offering() || owed {
            core.respond(now, tx, Reply::status(491));
            return;
        }
        let Some(refresh) = self.judge(now, core, tx, &incoming) else {
            return;
        };
        if invite {
            core.respond(now, tx, Reply::status(100));
        }
        let request = core.config.ids.request();
        core.servers.set_user(tx, ServerUser::Request(request));
        self.leave_open(core, tx, request);
        self.theirs = Some(Theirs {
            request,
            tx,
            method: incoming.request.method.clone(),
            cseq: incoming.cseq.number,
            has_offer: !incoming.request.body.is_empty(),
            refresh,
            give_up: now + PATIENCE,
        });
        core.emit(SipEvent::ReofferReceived {
            dialog: self.id,
            request,
            method: if invite {
                ReofferMethod::Invite
            } else {
                ReofferMethod::Update
            },
            headers: incoming.request.headers.to_list(),
            body: incoming.request.body,
        });
    }

    /// Their UPDATE without SDP: a refresh, answered here.
    pub(super) fn their_refresh(&mut self, now: Instant, core: &mut Core, incoming: &Incoming) {
        let tx = core.open_server(now, incoming, &self.local_tag, ServerUser::Nobody);
        if let Some(refresh) = self.judge(now, core, tx, incoming) {
            self.accept(now, core, tx, Reply::status(200), refresh);
        }
    }

    /// `Sip.respond` to `ReofferReceived`, or to any other request in this call.
    pub fn respond(
        &mut self,
        now: Instant,
        core: &mut Core,
        request: RequestId,
        tx: TxId,
        reply: Reply,
    ) {
        let last = reply.status >= 200;
        if last {
            self.open.retain(|open| *open != request);
            core.pending.remove(&request);
        }
        let Some(theirs) = self
            .theirs
            .take_if(|theirs| last && theirs.request == request)
        else {
            core.respond(now, tx, reply);
            return;
        };
        if reply.status >= 300 {
            core.respond(now, tx, reply);
            return self.next_offer(now, core);
        }
        let delayed = !theirs.has_offer && !reply.body.is_empty();
        let described = !sdp_sent(&reply.headers, &reply.content_type, &reply.body).is_empty();
        self.remember_sdp(&reply.headers, &reply.content_type, &reply.body);
        let to = core.servers.reply_to(tx);
        let bytes = self.accept(now, core, tx, reply, theirs.refresh);
        if let (Phase::Up(up), Some(to), Method::Invite) = (&mut self.phase, to, theirs.method) {
            up.unacked = Some(Unacked {
                cseq: theirs.cseq,
                resend: Resend::success(now, bytes, to),
                delayed,
            });
        }
        if described {
            self.overtake_offers(core);
        }
        self.next_offer(now, core);
    }

    /// Their CANCEL for a re-INVITE: the session goes on as it was.
    pub(super) fn cancel_reoffer(&mut self, now: Instant, core: &mut Core, tx: TxId) {
        if let Some(theirs) = self.theirs.take_if(|theirs| theirs.tx == tx) {
            self.open.retain(|open| *open != theirs.request);
            core.pending.remove(&theirs.request);
            core.respond(now, tx, Reply::status(487));
            self.next_offer(now, core);
        }
    }

    /// Python was silent for as long as they wait: the call goes on as it was.
    pub(super) fn theirs_timeout(&mut self, now: Instant, core: &mut Core) {
        if let Some(theirs) = self.theirs.take_if(|theirs| theirs.give_up <= now) {
            core.pending.remove(&theirs.request);
            core.respond(now, theirs.tx, Reply::status(500));
            self.next_offer(now, core);
        }
    }

    /// A new INVITE says that our last 2xx arrived and only its ACK is lost or late; unless that
    /// ACK brings an answer we wait for.
    fn imply_ack(&mut self, now: Instant, core: &mut Core) {
        let Phase::Up(up) = &self.phase else { return };
        if let Some(Unacked {
            cseq,
            delayed: false,
            ..
        }) = up.unacked
        {
            self.acked(now, core, cseq, Vec::new());
        }
    }

    /// RFC 4028 on a request of theirs; `None` when it was answered 422.
    fn judge(
        &mut self,
        now: Instant,
        core: &mut Core,
        tx: TxId,
        incoming: &Incoming,
    ) -> Option<Refresh> {
        let headers = &incoming.request.headers;
        let running = match &self.phase {
            Phase::Up(up) => up.session.as_ref(),
            _ => None,
        };
        match self.terms.judge(headers, running) {
            Ok(session) => {
                let mut contact = Headers::new();
                headers
                    .all("Contact")
                    .for_each(|value| contact.push("Contact", value));
                let remote_tag = incoming.from.tag().unwrap_or_default().to_owned();
                Some(Refresh {
                    remote_tag,
                    contact,
                    source: incoming.source.clone(),
                    session,
                })
            }
            Err(min) => {
                core.respond(now, tx, Reply::status(422).with("Min-SE", min.to_string()));
                None
            }
        }
    }

    /// 2xx, and what was asked for takes effect.
    fn accept(
        &mut self,
        now: Instant,
        core: &mut Core,
        tx: TxId,
        reply: Reply,
        refresh: Refresh,
    ) -> Vec<u8> {
        let phone = self.phone;
        let mut secure = false;
        if let Some(dialog) = self.dialog_mut(&refresh.remote_tag) {
            dialog.refresh_target(&refresh.contact);
            dialog.reach_by(&refresh.source, phone);
            secure = dialog.is_secure();
        }
        let mut reply = reply
            .with("Allow", compose::ALLOW)
            .with("Supported", "100rel, timer");
        self.contact.describe(&reply.headers);
        reply = reply.with("Contact", self.our_contact(core, tx, secure));
        if let Some(agreed) = refresh.session {
            reply = session_headers(reply, agreed);
            if let Phase::Up(up) = &mut self.phase {
                up.session = Some(session::granted(now, agreed));
            }
        }
        core.respond(now, tx, reply)
    }
}
