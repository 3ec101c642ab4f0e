//! Requests outside any call: their REGISTER, and what Python sends (REGISTER, OPTIONS …).

use std::collections::VecDeque;
use std::time::Instant;

use super::contact::OurContact;
use super::journey::{Journey, News, Outcome, Owner, Progress};
use super::server::{Reply, ServerUser};
use super::{Pending, Stack, TxId, compose};
use crate::call::tell_response;
use crate::message::{Request, Response};
use crate::method::Method;
use crate::types::{Lookup, OwnRequest, RegisterReceived, RequestId, SipEvent};
use crate::value::{CSeq, NameAddr, Uri, number};

use super::incoming::Incoming;

impl Stack {
    /// An authenticated REGISTER.
    pub(super) fn register(&mut self, now: Instant, incoming: Incoming, user: String) {
        if self.core.is_crowded() {
            self.core.stats.refused += 1;
            return self.answer_stateless(&incoming, Reply::status(503).with("Retry-After", "30"));
        }
        let id = self.core.config.ids.request();
        let tag = self.core.token();
        let tx = self
            .core
            .open_server(now, &incoming, &tag, ServerUser::Request(id));
        self.core.pending.insert(id, Pending { tx, dialog: None });
        let headers = &incoming.request.headers;
        self.core
            .emit(SipEvent::RegisterReceived(Box::new(RegisterReceived {
                request: id,
                user,
                to: headers.get("To").unwrap_or_default().to_owned(),
                contacts: headers.values("Contact").map(str::to_owned).collect(),
                expires: headers.get("Expires").and_then(|text| number(text.trim())),
                call_id: incoming.call_id.clone(),
                cseq: incoming.cseq.number,
                headers: headers.to_list(),
                source: incoming.source.clone(),
            })));
    }

    pub(super) fn respond_alone(
        &mut self,
        now: Instant,
        request: RequestId,
        tx: TxId,
        reply: Reply,
    ) {
        if reply.status >= 200 {
            self.core.pending.remove(&request);
        }
        self.core.respond(now, tx, reply);
    }

    /// `Sip.request`
    pub(super) fn send_request(&mut self, own: OwnRequest) {
        let request = own.request;
        let sent = match own.dialog {
            Some(dialog) => {
                let mut own = Some(own);
                self.with_call(dialog, |call, core| {
                    if let Some(own) = own.take() {
                        call.send_request(core, own);
                    }
                });
                match own {
                    Some(_) => Err((481, "no such dialog".to_owned())),
                    None => Ok(()),
                }
            }
            None if self.core.is_crowded() => Err((503, "too many transactions".to_owned())),
            None => self.send_alone(own).map_err(|reason| (400, reason)),
        };
        if let Err((status, reason)) = sent {
            tell_response(
                &mut self.core,
                request,
                Response {
                    reason,
                    ..Response::local(status)
                },
                None,
            );
        }
    }

    fn send_alone(&mut self, own: OwnRequest) -> Result<(), String> {
        let place = |place: &'static str| move |error| format!("{place}: {error}");
        let target = Uri::parse(&own.target)
            .map_err(place("target"))?
            .for_request()
            .to_string();
        let from = NameAddr::parse(&own.from)
            .map_err(place("from"))?
            .with_tag(&self.core.token());
        let mut to = NameAddr::parse(&own.to).map_err(place("to"))?;
        to.params.remove("tag");
        let method = Method::new(&own.method);
        if matches!(method, Method::Invite | Method::Ack | Method::Cancel)
            || !crate::headers::is_token(&own.method)
        {
            return Err(format!(
                "method: {} has a command of its own, or is no token",
                own.method
            ));
        }
        let call_id = match own.call_id.as_str() {
            "" => format!("{}{}", self.core.token(), self.core.token()),
            given => given.split_ascii_whitespace().collect(),
        };
        let mut request = Request::new(method.clone(), target.clone());
        let headers = &mut request.headers;
        headers.push("Max-Forwards", "70");
        headers.push("From", from.to_string());
        headers.push("To", to.to_string());
        headers.push("Call-ID", call_id);
        headers.push(
            "CSeq",
            CSeq {
                number: own.cseq.max(1),
                method: method.clone(),
            }
            .to_string(),
        );
        headers.push("User-Agent", self.core.config.user_agent.as_str());
        compose::add_custom(headers, &own.headers);
        compose::add_body(headers, &own.headers, &own.content_type, &own.body);
        // A REGISTER without Contact asks what is registered, but Python cannot know our address:
        // it gets our Contact unless it names its own.
        let contact = (!headers.contains("Contact")).then(|| OurContact::of(&from.uri));
        request.body = own.body;
        self.core.set_out(Journey {
            owner: Owner::Alone(own.request),
            request,
            credentials: own.credentials,
            lookups: VecDeque::from([own.flow.map_or(Lookup::Uri(target), Lookup::Flow)]),
            contact,
            identity: None,
            at: Progress::default(),
        });
        Ok(())
    }

    /// What became of it.
    pub(super) fn alone_outcome(&mut self, now: Instant, news: News) {
        let Owner::Alone(request) = news.owner else {
            return;
        };
        match news.outcome {
            Outcome::Final(response, source) => {
                if let Some(headers) = self.core.answer_challenge(news.journey, &response) {
                    let cseq = self.core.cseq_of(news.journey) + 1;
                    return self.core.retry(now, news.journey, cseq, headers);
                }
                tell_response(&mut self.core, request, response, Some(source));
            }
            Outcome::Unanswered(status, _) => {
                tell_response(&mut self.core, request, Response::local(status), None)
            }
            Outcome::Provisional(..) | Outcome::AckSent(..) | Outcome::Over => {}
        }
    }
}
