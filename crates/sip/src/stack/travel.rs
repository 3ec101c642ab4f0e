//! How a request gets there: locate, try one target after another (RFC 3263 §4.3), each with a
//! branch of its own, and once more where a target asks for it.

use std::collections::VecDeque;
use std::time::Instant;

use super::TxId;
use super::core::Core;
use super::journey::{Journey, JourneyId, News, Outcome, Progress};
use crate::message::Response;
use crate::method::Method;
use crate::types::{HeaderList, Lookup, LookupId, Output, SendTo, Source, Target, Transport};
use crate::value::{CSeq, Uri, Via};

/// More challenges than this for one request are a loop.
const MAX_CHALLENGES: u8 = 4;
/// More addresses than this for one name are not tried.
const MAX_TARGETS: usize = 8;
/// RFC 3261 §18.1.1: larger requests go by a transport with congestion control.
const MAX_DATAGRAM: usize = 1300;
/// What these two add to a request before it is sent.
const VIA_AND_CONTACT: usize = 140;

impl Core {
    pub fn set_out(&mut self, journey: Journey) -> JourneyId {
        let id = JourneyId(self.number());
        self.journeys.by_id.insert(id, journey);
        self.locate(id, 503);
        id
    }

    /// The answer to `Output::Resolve`.
    pub fn resolved(&mut self, now: Instant, lookup: LookupId, targets: Vec<Target>) {
        let Some(id) = self.journeys.lookups.remove(&lookup) else {
            return;
        };
        let Some(journey) = self.journeys.by_id.get_mut(&id) else {
            return;
        };
        journey.at.locating = None;
        let size = journey.request.to_bytes().len() + VIA_AND_CONTACT;
        let too_large = journey.at.any_transport && size > MAX_DATAGRAM;
        let addresses = &self.config.addresses;
        for mut target in targets.into_iter().take(MAX_TARGETS) {
            target.identity = journey.identity;
            let by_tcp = Target {
                transport: Transport::Tcp,
                ..target.clone()
            };
            if too_large
                && target.transport == Transport::Udp
                && addresses.listens(Transport::Tcp, target.remote.ip())
            {
                journey.at.targets.push_back(by_tcp); // and the datagram only where that fails
            }
            journey.at.targets.push_back(target);
        }
        self.attempt(now, id, 503);
    }

    /// Send it again to the target that asked for more: with `headers` set and a new CSeq.
    pub fn retry(&mut self, now: Instant, id: JourneyId, cseq: u32, headers: HeaderList) {
        let Some(journey) = self.journeys.by_id.get_mut(&id) else {
            return;
        };
        let method = journey.request.method.clone();
        journey.request.headers.set(
            "CSeq",
            CSeq {
                number: cseq,
                method,
            }
            .to_string(),
        );
        let mut seen: Vec<String> = Vec::new();
        for (name, value) in headers {
            // Several challenges make several headers of one name: only the old ones give way.
            if seen.contains(&name) {
                journey.request.headers.push(&name, value);
            } else {
                journey.request.headers.set(&name, value);
                seen.push(name);
            }
        }
        if let Some((_, target)) = journey.at.current.take() {
            journey.at.targets.push_front(target);
        }
        self.attempt(now, id, 503);
    }

    /// The headers that answer a 401 or 407, if we can and it is no loop.
    pub fn answer_challenge(&mut self, id: JourneyId, response: &Response) -> Option<HeaderList> {
        let journey = self.journeys.by_id.get_mut(&id)?;
        if !matches!(response.status, 401 | 407)
            || journey.at.challenges >= MAX_CHALLENGES
            || journey.at.sealed
        {
            return None;
        }
        journey.at.challenges += 1;
        let credentials = journey.credentials.as_ref()?;
        self.authenticator
            .answer(credentials, response, &journey.request)
    }

    /// The CSeq number it went out with last.
    pub fn cseq_of(&self, id: JourneyId) -> u32 {
        let cseq = self
            .journeys
            .get(id)
            .and_then(|j| j.request.headers.get("CSeq"));
        cseq.and_then(|text| CSeq::parse(text).ok())
            .map_or(0, |cseq| cseq.number)
    }

    /// Try no further target; true while something is on its way and has to be cancelled.
    pub fn seal(&mut self, id: JourneyId) -> bool {
        let Some(journey) = self.journeys.by_id.get_mut(&id) else {
            return false;
        };
        journey.at.sealed = true;
        journey.at.current.is_some()
    }

    /// Whether a provisional response came: only then may CANCEL be sent (RFC 3261 §9.1).
    pub fn is_proceeding(&self, id: JourneyId) -> bool {
        let current = self
            .journeys
            .get(id)
            .and_then(|journey| journey.at.current.as_ref());
        current.is_some_and(|(tx, _)| self.clients.is_proceeding(*tx))
    }

    /// CANCEL what is on its way.
    pub fn cancel(&mut self, now: Instant, id: JourneyId, headers: &[(String, String)]) {
        let Some(journey) = self.journeys.get(id) else {
            return;
        };
        if let Some((tx, _)) = journey.at.current {
            self.cancel_client(now, tx, headers);
        }
    }

    /// Forget it: nothing more will be heard.
    pub fn abandon(&mut self, id: JourneyId) {
        if let Some((tx, _)) = self
            .journeys
            .by_id
            .get(&id)
            .and_then(|j| j.at.current.clone())
        {
            self.close_client(tx);
        }
        self.end_journey(id);
    }

    pub(super) fn journey_response(
        &mut self,
        now: Instant,
        id: JourneyId,
        tx: TxId,
        response: Response,
        source: Source,
    ) {
        let Some(journey) = self.journeys.by_id.get_mut(&id) else {
            return;
        };
        let at = &mut journey.at;
        if at
            .current
            .as_ref()
            .is_none_or(|(current, _)| *current != tx)
        {
            return; // an attempt given up since
        }
        if response.status == 503 && !at.sealed && at.more(&journey.lookups) {
            at.current = None;
            return self.attempt(now, id, 503);
        }
        let owner = journey.owner.clone();
        let outcome = match response.status {
            ..200 => Outcome::Provisional(response, source),
            _ => Outcome::Final(response, source),
        };
        self.news.push_back(News {
            owner,
            journey: id,
            outcome,
        });
    }

    pub(super) fn journey_failed(&mut self, now: Instant, id: JourneyId, tx: TxId, status: u16) {
        let Some(journey) = self.journeys.by_id.get_mut(&id) else {
            return;
        };
        let at = &mut journey.at;
        if at
            .current
            .as_ref()
            .is_none_or(|(current, _)| *current != tx)
        {
            return;
        }
        at.current = None;
        if at.sealed {
            self.give_up(id, status);
        } else {
            self.attempt(now, id, status);
        }
    }

    /// A transaction is gone; so is its journey, unless it goes on elsewhere.
    pub(super) fn journey_over(&mut self, id: JourneyId, tx: TxId) {
        let current = self
            .journeys
            .get(id)
            .and_then(|journey| journey.at.current.as_ref());
        if current.is_some_and(|(current, _)| *current == tx) {
            self.end_journey(id);
        }
    }

    fn locate(&mut self, id: JourneyId, status: u16) {
        let Some(journey) = self.journeys.by_id.get_mut(&id) else {
            return;
        };
        let Some(what) = journey.lookups.pop_front() else {
            return self.give_up(id, status);
        };
        self.counter += 1;
        let lookup = LookupId(self.counter);
        journey.at.any_transport = !pins_transport(&what);
        journey.at.locating = Some(lookup);
        self.journeys.lookups.insert(lookup, id);
        let tls = journey.identity.is_some();
        self.outputs
            .push_back(Output::Resolve { lookup, what, tls });
    }

    /// Take the next target; `status` is what to report when there is none.
    fn attempt(&mut self, now: Instant, id: JourneyId, status: u16) {
        let branch = format!("{}{}", crate::value::MAGIC_COOKIE, self.token());
        let Some(journey) = self.journeys.by_id.get_mut(&id) else {
            return;
        };
        let Some(target) = journey.at.targets.pop_front() else {
            return self.locate(id, status);
        };
        let (owner, contact) = (journey.owner.clone(), journey.contact.clone());
        let mut request = journey.request.clone();
        let seen = self.config.addresses.advertised(&target);
        request
            .headers
            .push_front("Via", Via::new(target.transport, seen, &branch).to_string());
        if let Some(user) = contact {
            let secure = request
                .uri
                .get(..5)
                .is_some_and(|s| s.eq_ignore_ascii_case("sips:"));
            let contact = self.contact(&user, &target, secure);
            request.headers.set("Contact", contact);
        }
        if request.method == Method::Ack {
            let (to, bytes) = (SendTo::Request(target), request.to_bytes());
            self.send(to.clone(), bytes.clone());
            self.news.push_back(News {
                owner,
                journey: id,
                outcome: Outcome::AckSent(to, bytes),
            });
            return self.end_journey(id);
        }
        let tx = self.open_client(now, request, &branch, target.clone(), id);
        if let Some(journey) = self.journeys.by_id.get_mut(&id) {
            journey.at.current = Some((tx, target));
        }
    }

    fn give_up(&mut self, id: JourneyId, status: u16) {
        if let Some(journey) = self.journeys.get(id) {
            let owner = journey.owner.clone();
            let trouble = journey.at.trouble.clone().filter(|_| status == 503);
            self.news.push_back(News {
                owner,
                journey: id,
                outcome: Outcome::Unanswered(status, trouble),
            });
        }
        self.end_journey(id);
    }

    fn end_journey(&mut self, id: JourneyId) {
        let Some(journey) = self.journeys.by_id.remove(&id) else {
            return;
        };
        if let Some(lookup) = journey.at.locating {
            self.journeys.lookups.remove(&lookup);
        }
        self.news.push_back(News {
            owner: journey.owner,
            journey: id,
            outcome: Outcome::Over,
        });
    }
}

impl Progress {
    fn more(&self, lookups: &VecDeque<Lookup>) -> bool {
        !self.targets.is_empty() || !lookups.is_empty()
    }
}

fn pins_transport(what: &Lookup) -> bool {
    match what {
        Lookup::Uri(uri) => Uri::parse(uri).is_ok_and(|uri| uri.transport() != Ok(None)),
        Lookup::Flow(_) => true,
    }
}
