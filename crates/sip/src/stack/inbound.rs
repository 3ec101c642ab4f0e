//! What comes in: to its transaction, to its dialog, or judged as something new (RFC 3261 §8.2).

use std::time::Instant;

use super::incoming::{Incoming, reply_target, stamp};
use super::server::{Reply, ServerUser, add_tag};
use super::{Stack, compose};
use crate::call::{Call, Terms};
use crate::message::{Request, Response};
use crate::method::Method;
use crate::transaction::{ClientKey, Event};
use crate::types::{Decision, Identity, NoticeKind, SendTo, SipEvent, Source};
use crate::value::{CSeq, NameAddr, SessionExpires, Via};

impl Stack {
    pub(super) fn receive_response(&mut self, now: Instant, source: &Source, response: Response) {
        let via = response
            .headers
            .values("Via")
            .next()
            .and_then(|via| Via::parse(via).ok());
        let only = response.headers.values("Via").count() == 1;
        let cseq = response
            .headers
            .get("CSeq")
            .and_then(|text| CSeq::parse(text).ok());
        let parties = ["From", "To"].iter().all(|name| {
            response
                .headers
                .get(name)
                .is_some_and(|value| NameAddr::parse(value).is_ok())
        });
        let (Some(via), Some(cseq), true) = (via, cseq, parties) else {
            return self.note_malformed(source, "response without a good Via, CSeq, From or To");
        };
        // §8.1.3.3: a response with a second Via is somebody else's.
        if let (true, Some(branch)) = (only, via.branch()) {
            let key = ClientKey::new(branch, &cseq.method);
            if !self.core.client_receive(now, &key, response, source) {
                log::debug!("sip.response.stray {}", source.remote);
            }
        }
    }

    pub(super) fn receive_request(&mut self, now: Instant, source: &Source, request: Request) {
        let incoming = match Incoming::parse(request, source) {
            Ok(incoming) => incoming,
            Err(broken) => return self.answer_broken(source, *broken.request, 400, &broken.reason),
        };
        let method = incoming.request.method.clone();
        if let Some(tx) = self.core.servers.find(&incoming.key) {
            if method != Method::Ack {
                self.core.stats.retransmissions += 1;
                self.core.server_event(now, tx, Event::Repeat);
                return;
            }
            // An ACK for a refusal ends there; one for a 2xx that kept its INVITE's branch goes on.
            if !self.core.server_event(now, tx, Event::Ack) {
                return;
            }
        }
        match method {
            Method::Ack => self.acknowledged(now, incoming),
            Method::Cancel => self.cancelled(now, &incoming),
            _ if incoming.to.tag().is_some() => self.in_dialog(now, incoming),
            _ => self.outside(now, incoming),
        }
    }

    fn acknowledged(&mut self, now: Instant, incoming: Incoming) {
        if let Some(id) = self.dialog_of(&incoming) {
            let (cseq, body) = (incoming.cseq.number, incoming.request.body);
            self.with_call(id, |call, core| call.acked(now, core, cseq, body));
        }
    }

    /// §9.2: 200 if there is such an INVITE, whatever has become of it.
    fn cancelled(&mut self, now: Instant, incoming: &Incoming) {
        let Some(tx) = self.core.servers.find(&incoming.key.cancelled()) else {
            return self.answer_stateless(incoming, Reply::status(481));
        };
        let tag = self.core.servers.tag(tx).unwrap_or_default().to_owned();
        let cancel = self
            .core
            .open_server(now, incoming, &tag, ServerUser::Nobody);
        self.core.respond(now, cancel, Reply::status(200));
        let dialog = match self.core.servers.user(tx) {
            ServerUser::Call(id) => Some(id),
            ServerUser::Request(request) => self.core.pending.get(&request).and_then(|p| p.dialog),
            ServerUser::Nobody => None,
        };
        if let Some(id) = dialog {
            let headers = incoming.request.headers.to_list();
            self.with_call(id, |call, core| call.cancelled(now, core, tx, headers));
        }
    }

    fn in_dialog(&mut self, now: Instant, incoming: Incoming) {
        let ends = matches!(incoming.request.method, Method::Bye | Method::Prack);
        if self.core.is_crowded() && !ends {
            // A peer floods its call: what ends a call still gets through.
            let reply = Reply::status(503).with("Retry-After", "5");
            return self.answer_stateless(&incoming, reply);
        }
        match self.dialog_of(&incoming) {
            Some(id) => self.with_call(id, |call, core| call.request(now, core, incoming)),
            None => self.answer_stateless(&incoming, Reply::status(481)),
        }
    }

    fn dialog_of(&self, incoming: &Incoming) -> Option<crate::types::DialogId> {
        let tag = incoming.to.tag().unwrap_or_default();
        self.index
            .get(&(incoming.call_id.clone(), tag.to_owned()))
            .copied()
    }

    /// A request that belongs to nothing yet.
    fn outside(&mut self, now: Instant, incoming: Incoming) {
        let reply = match incoming.request.method {
            // §8.2.2.2: the same request by another way.
            _ if self.core.servers.is_merged(&incoming.merge_key()) => Reply::status(482),
            Method::Invite | Method::Register | Method::Options => {
                match compose::unknown_extensions(&incoming.request) {
                    Some(reply) => reply,
                    None if incoming.request.method == Method::Options => self.options(),
                    None => return self.admit(now, incoming),
                }
            }
            Method::Bye | Method::Prack | Method::Update | Method::Info => Reply::status(481),
            Method::Other(_) => Reply::status(501).with("Allow", compose::ALLOW),
            _ => Reply::status(405).with("Allow", compose::ALLOW),
        };
        self.answer_stateless(&incoming, reply);
    }

    /// A trunk pings: while we drain, it shall go elsewhere.
    fn options(&self) -> Reply {
        if self.refusing {
            Reply::status(503).with("Retry-After", "60")
        } else {
            compose::capabilities()
        }
    }

    fn admit(&mut self, now: Instant, incoming: Incoming) {
        match self
            .admission
            .decide(now, &incoming.request, &incoming.source)
        {
            Decision::Admit(identity) => match (&incoming.request.method, identity) {
                (Method::Invite, identity) => self.new_call(now, incoming, identity),
                (_, Identity::User(user)) => self.register(now, incoming, user),
                (_, Identity::Trunk(_)) => {
                    self.core.stats.refused += 1;
                    self.answer_stateless(&incoming, Reply::status(403));
                }
            },
            Decision::Answer {
                status,
                headers,
                notice,
            } => {
                match status {
                    401 => self.core.stats.challenges += 1,
                    _ => self.core.stats.refused += 1,
                }
                if let Some((kind, detail)) = notice {
                    self.note(kind, &incoming.source, detail);
                }
                self.answer_stateless(
                    &incoming,
                    Reply {
                        own: headers,
                        ..Reply::status(status)
                    },
                );
            }
            Decision::Drop => self.core.stats.refused += 1,
        }
    }

    fn new_call(&mut self, now: Instant, incoming: Incoming, identity: Identity) {
        let session = match self.judge_new_call(&incoming) {
            Ok(session) => session,
            Err(reply) => {
                self.core.stats.refused += 1;
                return self.answer_stateless(&incoming, *reply);
            }
        };
        let id = self.core.config.ids.dialog();
        let call = Call::ring(now, &mut self.core, incoming, id, identity, session);
        self.keep(call);
    }

    fn judge_new_call(&self, incoming: &Incoming) -> Result<Option<SessionExpires>, Box<Reply>> {
        let request = &incoming.request;
        if self.refusing || self.is_full() {
            let wait = if self.refusing { "60" } else { "5" };
            return Err(Box::new(Reply::status(503).with("Retry-After", wait)));
        }
        let scheme = request
            .uri
            .split_once(':')
            .map(|(scheme, _)| scheme)
            .unwrap_or_default();
        if !["sip", "sips", "tel"]
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known))
        {
            return Err(Box::new(Reply::status(416)));
        }
        // A B2BUA passes calls on, so a call that may go no further ends here (§8.1.1.6, RFC 7332).
        if request.headers.get("Max-Forwards").map(str::trim) == Some("0") {
            return Err(Box::new(Reply::status(483)));
        }
        let encoding = request
            .headers
            .get("Content-Encoding")
            .unwrap_or("identity");
        if !encoding.trim().eq_ignore_ascii_case("identity") {
            let reply = Reply::status(415).with("Accept-Encoding", "identity");
            return Err(Box::new(reply));
        }
        let terms = Terms::new(
            self.core.config.session_expires_s,
            self.core.config.min_se_s,
        );
        let session = terms.judge(&request.headers, None);
        session.map_err(|min| Box::new(Reply::status(422).with("Min-SE", min.to_string())))
    }

    /// An answer that keeps nothing (§8.2.7): each copy of the request gets the same.
    pub(super) fn answer_stateless(&mut self, incoming: &Incoming, reply: Reply) {
        let mut copied = Response::to(&incoming.request, reply.status, "").headers;
        let from = incoming.from.tag().unwrap_or_default();
        let branch = incoming.via.params.get("branch").unwrap_or_default();
        let tag = self.core.stateless_tag(&[&incoming.call_id, from, branch]);
        add_tag(&mut copied, &tag);
        let response = compose::response(copied, reply, &self.core.config.user_agent);
        self.core.send(
            SendTo::Response(incoming.reply_target()),
            response.to_bytes(),
        );
    }

    /// A request too broken to be understood is answered if it says where to (RFC 4475 §3.1.2).
    pub(super) fn answer_broken(
        &mut self,
        source: &Source,
        mut request: Request,
        status: u16,
        reason: &str,
    ) {
        self.note_malformed(source, reason);
        let via = request
            .headers
            .values("Via")
            .next()
            .and_then(|via| Via::parse(via).ok());
        let Some(mut via) = via.filter(|_| request.method != Method::Ack) else {
            return;
        };
        via.stamp(source.remote);
        stamp(&mut request, &via);
        let phrase = if status == 400 {
            format!("Bad Request: {reason}")
        } else {
            String::new()
        };
        let mut response = Response::to(&request, status, &phrase);
        let tag = self
            .core
            .stateless_tag(&[via.params.get("branch").unwrap_or_default()]);
        add_tag(&mut response.headers, &tag);
        response
            .headers
            .push("Server", self.core.config.user_agent.as_str());
        self.core.send(
            SendTo::Response(reply_target(&via, source)),
            response.to_bytes(),
        );
    }

    pub(super) fn note_malformed(&mut self, source: &Source, detail: &str) {
        self.core.stats.malformed += 1;
        self.note(NoticeKind::Malformed, source, detail.to_owned());
    }

    fn note(&mut self, kind: NoticeKind, source: &Source, detail: String) {
        self.core.emit(SipEvent::SipNotice {
            kind,
            source: source.remote,
            detail,
            count: 1,
        });
    }
}
