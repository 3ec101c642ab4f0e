//! Our re-INVITEs and UPDATEs: one at a time (RFC 3261 §14, RFC 3311), glare, and the refreshes of
//! RFC 4028.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::answers::credentials_of;
use super::session;
use super::up::Owed;
use super::{Call, Ending, Phase, sdp_sent};
use crate::message::Response;
use crate::method::Method;
use crate::stack::{Core, JourneyId, Owner, compose};
use crate::types::{EndCause, HeaderList, ReofferMethod, SipEvent, Source, Trouble};
use crate::value::{CSeq, number};

#[derive(Default)]
pub(super) struct Offers {
    ours: Option<Ours>,
    queue: VecDeque<Reoffer>,
    /// Glare: not before then.
    pub wait_until: Option<Instant>,
}

/// An offer of ours that waits its turn, or is on its way.
pub(crate) struct Reoffer {
    pub method: ReofferMethod,
    pub body: Vec<u8>,
    pub headers: HeaderList,
    tries: u8,
    /// The session timer's, not Python's.
    refresh: bool,
}

struct Ours {
    reoffer: Reoffer,
    journey: JourneyId,
    method: Method,
}

/// Offers of Python's that wait. More means that nobody reads the answers.
const MAX_QUEUE: usize = 16;
/// After so many collisions the answer goes to Python.
const MAX_TRIES: u8 = 8;
const RETRY_AFTER_LIMIT_S: u32 = 10;

impl Offers {
    /// What is on its way.
    pub fn journey(&self) -> Option<JourneyId> {
        self.ours.as_ref().map(|ours| ours.journey)
    }
}

impl Reoffer {
    pub fn new(method: ReofferMethod, body: Vec<u8>, headers: HeaderList) -> Reoffer {
        Reoffer {
            method,
            body,
            headers,
            tries: 0,
            refresh: false,
        }
    }
}

impl Call {
    /// `Sip.reoffer`
    pub fn reoffer(&mut self, now: Instant, core: &mut Core, reoffer: Reoffer) {
        if self.is_over() {
            return;
        }
        if self.offers.queue.len() >= MAX_QUEUE {
            return self.tell_reoffer(core, &reoffer, Response::local(500));
        }
        self.offers.queue.push_back(reoffer);
        self.next_offer(now, core);
    }

    /// The session timer's: UPDATE without a body where they take it, else our last offer again.
    pub(super) fn refresh(&mut self, now: Instant, core: &mut Core) {
        if self.offers.queue.iter().any(|queued| queued.refresh) {
            return;
        }
        let method = if self.allows_update {
            ReofferMethod::Update
        } else {
            ReofferMethod::Invite
        };
        let reoffer = Reoffer {
            refresh: true,
            ..Reoffer::new(method, Vec::new(), HeaderList::new())
        };
        self.offers.queue.push_front(reoffer);
        self.next_offer(now, core);
    }

    /// Send the next offer, if nothing stands in its way.
    pub(super) fn next_offer(&mut self, _now: Instant, core: &mut Core) {
        let Phase::Up(up) = &mut self.phase else {
            return;
        };
        let busy =
            self.offers.ours.is_some() || self.theirs.is_some() || self.offers.wait_until.is_some();
        if busy || up.unacked.is_some() || up.owed.is_some() {
            return;
        }
        let Some(mut reoffer) = self.offers.queue.pop_front() else {
            return;
        };
        self.contact.describe(&reoffer.headers);
        let method = match reoffer.method {
            ReofferMethod::Update if self.allows_update => Method::Update,
            _ => Method::Invite,
        };
        if reoffer.refresh && method == Method::Invite {
            reoffer.body.clone_from(&self.sdp); // as it is when it goes out
        }
        let mut request = up.dialog.request(method.clone());
        let headers = &mut request.headers;
        headers.push("Contact", "");
        headers.push("Allow", compose::ALLOW);
        headers.push("Supported", "100rel, timer");
        if up.session.is_some() {
            self.terms.ask(headers, up.session.as_ref());
        }
        compose::add_custom(headers, &reoffer.headers);
        compose::add_body(headers, &reoffer.headers, "", &reoffer.body);
        request.body.clone_from(&reoffer.body);
        let dialog = up.dialog.clone();
        let journey = self.set_out(core, Owner::Reoffer(self.id), request, &dialog);
        self.offers.ours = Some(Ours {
            reoffer,
            journey,
            method,
        });
    }

    /// A description of ours has gone out in an answer. Those that still wait were written before it
    /// and would come after it with an older version (RFC 3264 §8): Python writes new ones.
    pub(super) fn overtake_offers(&mut self, core: &mut Core) {
        self.offers.queue.retain(|reoffer| {
            let overtaken =
                !reoffer.refresh && !sdp_sent(&reoffer.headers, "", &reoffer.body).is_empty();
            if overtaken {
                core.emit(SipEvent::ReofferOvertaken { dialog: self.id });
            }
            !overtaken
        });
    }

    pub(super) fn offers_timeout(&mut self, now: Instant, core: &mut Core) {
        if self.offers.wait_until.is_some_and(|at| at <= now) {
            self.offers.wait_until = None;
            self.next_offer(now, core);
        }
        self.theirs_timeout(now, core);
    }

    pub(super) fn reoffer_answered(
        &mut self,
        now: Instant,
        core: &mut Core,
        journey: JourneyId,
        response: Response,
        source: Option<Source>,
    ) {
        let Phase::Up(up) = &mut self.phase else {
            return;
        };
        let (tag, cseq) = (up.dialog.remote_tag().to_owned(), cseq_of(&response));
        if self
            .offers
            .ours
            .as_ref()
            .is_none_or(|ours| ours.journey != journey)
        {
            self.acknowledge_again(core, &tag, cseq);
            return;
        }
        let Some(ours) = self.offers.ours.take() else {
            return;
        };
        match response.status {
            ..300 => {
                up.dialog.refresh_target(&response.headers);
                if let Some(source) = &source {
                    up.dialog.reach_by(source, self.phone);
                }
                up.session =
                    session::agreed(now, &response.headers).or(up.session.take().map(|s| {
                        // No word of it: the roles stay, the clock starts anew.
                        session::Session::new(now, s.interval_s, s.ours)
                    }));
                let dialog = up.dialog.clone();
                if ours.method == Method::Invite {
                    let auth = credentials_of(core, journey);
                    if ours.reoffer.body.is_empty() && !response.body.is_empty() {
                        up.owed = Some(Owed { cseq, auth });
                    } else {
                        self.send_ack(core, &dialog, cseq, &auth, Vec::new(), "");
                    }
                }
                self.remember_sdp(&ours.reoffer.headers, "", &ours.reoffer.body);
                self.tell_reoffer(core, &ours.reoffer, response);
            }
            422 if self.terms.raised_by(&response.headers).is_some() => {
                if let Some(terms) = self.terms.raised_by(&response.headers) {
                    self.terms = terms;
                }
                self.again(ours.reoffer, None);
            }
            // RFC 3261 §14.1: who made the Call-ID waits longer.
            491 if ours.reoffer.tries < MAX_TRIES => {
                let wait = if self.is_uac {
                    2100 + 10 * core.chance(190)
                } else {
                    10 * core.chance(200)
                };
                self.again(ours.reoffer, Some(now + Duration::from_millis(wait)));
            }
            500 if ours.reoffer.tries < MAX_TRIES && retry_after(&response).is_some() => {
                let wait = retry_after(&response).unwrap_or(RETRY_AFTER_LIMIT_S);
                self.again(ours.reoffer, Some(now + Duration::from_secs(wait.into())));
            }
            405 | 501 if ours.reoffer.refresh && ours.method == Method::Update => {
                self.allows_update = false;
                self.again(ours.reoffer, None);
            }
            // §12.2.1.2: the dialog is gone over there.
            408 | 481 => {
                let status = response.status;
                self.tell_reoffer(core, &ours.reoffer, response);
                return self.dialog_lost(now, core, status, None);
            }
            _ => {
                if let Some(session) = up.session.as_mut().filter(|_| ours.reoffer.refresh) {
                    session.try_again(now);
                }
                self.tell_reoffer(core, &ours.reoffer, response);
            }
        }
        self.next_offer(now, core);
    }

    pub(super) fn reoffer_unanswered(
        &mut self,
        now: Instant,
        core: &mut Core,
        journey: JourneyId,
        status: u16,
        trouble: Option<Trouble>,
    ) {
        if self
            .offers
            .ours
            .as_ref()
            .is_none_or(|ours| ours.journey != journey)
        {
            return;
        }
        let Some(ours) = self.offers.ours.take() else {
            return;
        };
        self.tell_reoffer(core, &ours.reoffer, Response::local(status));
        self.dialog_lost(now, core, status, trouble);
    }

    /// The 2xx to an offer that is no longer ours to hear of, or the end of the dialog.
    fn dialog_lost(
        &mut self,
        now: Instant,
        core: &mut Core,
        status: u16,
        trouble: Option<Trouble>,
    ) {
        let (cause, status) = match status {
            503 => (EndCause::Transport, 503),
            status => (EndCause::Timeout, status),
        };
        let Phase::Up(up) = &mut self.phase else {
            return;
        };
        let mut dialog = up.dialog.clone();
        self.bye(core, &mut dialog, &HeaderList::new());
        let ending = Ending {
            trouble,
            ..Ending::status(status)
        };
        self.end(now, core, cause, ending);
    }

    /// Put an offer back, first in the queue.
    fn again(&mut self, mut reoffer: Reoffer, wait_until: Option<Instant>) {
        reoffer.tries += 1;
        self.offers.wait_until = wait_until;
        self.offers.queue.push_front(reoffer);
    }

    /// Python hears of what it asked for; of a refresh nothing.
    fn tell_reoffer(&self, core: &mut Core, reoffer: &Reoffer, response: Response) {
        if !reoffer.refresh {
            let Response {
                status,
                reason,
                body,
                ..
            } = response;
            core.emit(SipEvent::ReofferAnswered {
                dialog: self.id,
                status,
                reason,
                body,
            });
        }
    }

    /// An offer of ours is on its way.
    pub(super) fn is_offering(&self) -> bool {
        self.offers.ours.is_some()
    }
}

fn cseq_of(response: &Response) -> u32 {
    let cseq = response
        .headers
        .get("CSeq")
        .and_then(|text| CSeq::parse(text).ok());
    cseq.map_or(0, |cseq| cseq.number)
}

/// Retry-After where it is short enough to wait for.
fn retry_after(response: &Response) -> Option<u32> {
    let text = response.headers.get("Retry-After")?;
    let digits: String = text
        .trim()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    number(&digits).filter(|s| *s <= RETRY_AFTER_LIMIT_S)
}
