//! The side that calls: from our INVITE to its final response, forks and challenges included.

use std::collections::VecDeque;
use std::time::Instant;

use super::dialing::{Cancel, Dialing};
use super::offers::Offers;

use super::{Call, Ending, Phase, Terms};
use crate::headers::Headers;
use crate::message::{Request, Response};
use crate::method::Method;
use crate::stack::{Core, Journey, JourneyId, OurContact, Outcome, Owner, Progress, compose};
use crate::transaction::PATIENCE;
use crate::types::{EndCause, HeaderList, Invite, Lookup, Reliable, SipEvent, Source};
use crate::value::{CSeq, NameAddr, RAck, Uri, number};

impl Call {
    /// `Sip.invite`; what is wrong with it comes back as text.
    pub fn dial(core: &mut Core, invite: Invite) -> Result<Call, String> {
        let place = |place: &'static str| move |error| format!("{place}: {error}");
        let target = Uri::parse(&invite.target)
            .map_err(place("target"))?
            .for_request()
            .to_string();
        let tag = core.token();
        let from = NameAddr::parse(&invite.from)
            .map_err(place("from"))?
            .with_tag(&tag);
        let mut to = NameAddr::parse(&invite.to).map_err(place("to"))?;
        to.params.remove("tag");
        let routes = routes(&invite.route)?;
        let hop = routes
            .first()
            .map_or_else(|| target.clone(), |route| route.uri.clone());
        let call_id = format!("{}{}", core.token(), core.token());
        let terms = Terms::new(core.config.session_expires_s, core.config.min_se_s);
        let wants_offer = invite.body.is_empty();
        // With a delayed offer a reliable response would carry one, and its PRACK our answer: there
        // is no command for that, so it is not asked for.
        let reliable = match invite.reliable {
            Reliable::Supported if wants_offer => Reliable::Off,
            reliable => reliable,
        };
        let mut request = Request::new(Method::Invite, target.clone());
        let headers = &mut request.headers;
        headers.push("Max-Forwards", "70");
        routes
            .iter()
            .for_each(|route| headers.push("Route", route.to_string()));
        headers.push("From", from.to_string());
        headers.push("To", to.to_string());
        headers.push("Call-ID", call_id.as_str());
        headers.push("CSeq", "1 INVITE");
        headers.push("Contact", "");
        headers.push("Allow", compose::ALLOW);
        headers.push(
            "Supported",
            if reliable == Reliable::Supported {
                "100rel, timer"
            } else {
                "timer"
            },
        );
        if reliable == Reliable::Required {
            headers.push("Require", "100rel");
        }
        terms.ask(headers, None);
        headers.push("User-Agent", core.config.user_agent.as_str());
        compose::add_custom(headers, &invite.headers);
        compose::add_body(headers, &invite.headers, &invite.content_type, &invite.body);
        request.body.clone_from(&invite.body);
        let mut contact = OurContact::of(&from.uri);
        contact.describe(&invite.headers);
        let lookup = invite.flow.map_or(Lookup::Uri(hop), Lookup::Flow);
        let journey = core.set_out(Journey {
            owner: Owner::Invite(invite.dialog),
            request,
            credentials: invite.credentials.clone(),
            lookups: VecDeque::from([lookup]),
            contact: Some(contact.clone()),
            identity: invite.identity,
            at: Progress::default(),
        });
        let dialing = Dialing {
            journey,
            from,
            target,
            wants_offer,
            early: Vec::new(),
            cancel: Cancel::No,
        };
        let mut call = Call {
            id: invite.dialog,
            call_id,
            local_tag: tag,
            phase: Phase::Dialing(dialing),
            is_uac: true,
            phone: invite.flow.is_some(),
            contact,
            credentials: invite.credentials,
            identity: invite.identity,
            terms,
            allows_update: false,
            sdp: Vec::new(),
            acks: Vec::new(),
            offers: Offers::default(),
            theirs: None,
            open: Vec::new(),
            journeys: 1,
            lingering: None,
        };
        call.remember_sdp(&invite.headers, &invite.content_type, &invite.body);
        Ok(call)
    }

    pub(super) fn invite_outcome(
        &mut self,
        now: Instant,
        core: &mut Core,
        journey: JourneyId,
        outcome: Outcome,
    ) {
        match outcome {
            Outcome::Provisional(response, source) => {
                self.provisional(now, core, response, &source)
            }
            Outcome::Final(response, source) if response.status < 300 => {
                self.success(now, core, journey, response, &source);
            }
            Outcome::Final(response, _) => self.refused(now, core, journey, &response),
            Outcome::Unanswered(status, trouble) => {
                let cause = match (&self.phase, status) {
                    (
                        Phase::Dialing(Dialing {
                            cancel: Cancel::Wanted(_) | Cancel::Sent { .. },
                            ..
                        }),
                        _,
                    ) => EndCause::HungUp,
                    (_, 408) => EndCause::Timeout,
                    _ => EndCause::Transport,
                };
                let ending = Ending {
                    trouble,
                    ..Ending::status(status)
                };
                self.end(now, core, cause, ending);
            }
            Outcome::AckSent(..) | Outcome::Over => {}
        }
    }

    fn provisional(&mut self, now: Instant, core: &mut Core, response: Response, source: &Source) {
        let Phase::Dialing(dialing) = &mut self.phase else {
            return;
        };
        if let Cancel::Wanted(headers) = &dialing.cancel {
            core.cancel(now, dialing.journey, headers);
            dialing.cancel = Cancel::Sent {
                give_up: now + PATIENCE,
            };
        }
        if response.status == 100 {
            return;
        }
        let to = response
            .headers
            .get("To")
            .and_then(|to| NameAddr::parse(to).ok());
        let tag = to
            .as_ref()
            .and_then(NameAddr::tag)
            .unwrap_or_default()
            .to_owned();
        let required = response.headers.has_token("Require", "100rel");
        let rseq = response
            .headers
            .get("RSeq")
            .and_then(|text| number(text.trim()))
            .filter(|_| required);
        if let (Some(to), false) = (to, tag.is_empty()) {
            let (journey, phone) = (dialing.journey, self.phone);
            let cseq = core.cseq_of(journey);
            let Some(early) = dialing.early(core, &self.call_id, to, &response.headers) else {
                return;
            };
            early.dialog.reach_by(source, phone);
            if let Some(rseq) = rseq {
                // §4: strictly in order; a copy is answered by the PRACK's own repeats.
                if early.rseq.is_some_and(|last| rseq != last.wrapping_add(1)) {
                    return;
                }
                early.rseq = Some(rseq);
                early.answered |= !response.body.is_empty();
                let mut prack = early.dialog.request(Method::Prack);
                let rack = RAck {
                    rseq,
                    cseq: CSeq {
                        number: cseq,
                        method: Method::Invite,
                    },
                };
                prack.headers.push("RAck", rack.to_string());
                let dialog = early.dialog.clone();
                self.set_out(core, Owner::Prack(self.id), prack, &dialog);
            }
        }
        if let Phase::Dialing(Dialing {
            cancel: Cancel::No, ..
        }) = self.phase
        {
            core.emit(SipEvent::CallProgress {
                dialog: self.id,
                status: response.status,
                reason: response.reason,
                content_type: response
                    .headers
                    .get("Content-Type")
                    .unwrap_or_default()
                    .to_owned(),
                headers: response.headers.to_list(),
                body: response.body,
                reliable: rseq.is_some(),
                early: tag,
            });
        }
    }

    fn refused(&mut self, now: Instant, core: &mut Core, journey: JourneyId, response: &Response) {
        let Phase::Dialing(dialing) = &mut self.phase else {
            return;
        };
        if !matches!(dialing.cancel, Cancel::No) {
            return self.end(now, core, EndCause::HungUp, Ending::of(response));
        }
        let mut again = core.answer_challenge(journey, response);
        if let (422, Some(terms)) = (response.status, self.terms.raised_by(&response.headers)) {
            self.terms = terms;
            let mut headers = Headers::new();
            terms.ask(&mut headers, None);
            again = Some(headers.to_list());
        }
        match again {
            Some(headers) => {
                dialing.early.clear();
                let cseq = core.cseq_of(journey) + 1;
                core.retry(now, journey, cseq, headers);
            }
            None => self.end(now, core, EndCause::Rejected, Ending::of(response)),
        }
    }

    pub(super) fn give_up_dialing(&mut self, now: Instant, core: &mut Core, headers: HeaderList) {
        let Phase::Dialing(dialing) = &mut self.phase else {
            return;
        };
        if !matches!(dialing.cancel, Cancel::No) {
            return;
        }
        let journey = dialing.journey;
        if !core.seal(journey) {
            core.abandon(journey); // not even located: nobody knows of it
            self.end(now, core, EndCause::HungUp, Ending::default());
        } else if core.is_proceeding(journey) {
            dialing.cancel = Cancel::Sent {
                give_up: now + PATIENCE,
            };
            core.cancel(now, journey, &headers);
        } else {
            dialing.cancel = Cancel::Wanted(headers);
        }
    }

    /// The INVITE's transaction is gone: whatever it was, no answer will come any more.
    pub(super) fn dialing_over(&mut self, now: Instant, core: &mut Core) {
        if let Phase::Dialing(_) = self.phase {
            self.end(now, core, EndCause::Timeout, Ending::status(408));
        }
    }

    /// No final response to a cancelled INVITE in 64·T1: it counts as ended (§9.1).
    pub(super) fn dialing_timeout(&mut self, now: Instant, core: &mut Core) {
        let Phase::Dialing(dialing) = &self.phase else {
            return;
        };
        if dialing.next_timeout().is_some_and(|at| at <= now) {
            core.abandon(dialing.journey);
            self.end(now, core, EndCause::HungUp, Ending::default());
        }
    }
}

/// Preloaded routes are proxies of today: loose ones.
fn routes(list: &[String]) -> Result<Vec<NameAddr>, String> {
    list.iter()
        .map(|text| {
            let bare = if text.contains('<') {
                text.clone()
            } else {
                format!("<{text}>")
            };
            let mut route = NameAddr::parse(&bare).map_err(|error| format!("route: {error}"))?;
            let mut uri = Uri::parse(&route.uri).map_err(|error| format!("route: {error}"))?;
            if !uri.params.has("lr") {
                uri.params.set("lr", None);
                route.uri = uri.to_string();
            }
            Ok(route)
        })
        .collect()
}
