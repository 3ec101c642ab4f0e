//! One call: an INVITE, the dialogs it makes, and everything said in them until its one end.

mod answers;
mod dialing;
mod dialog;
mod in_dialog;
mod multipart;
mod offers;
mod reliable;
mod resend;
mod session;
mod theirs;
mod uac;
mod uas;
mod up;

use std::time::Instant;

pub(crate) use session::Terms;

use crate::message::{Request, Response};
use crate::method::Method;
use crate::stack::{
    Core, Journey, JourneyId, OurContact, Outcome, Owner, Progress, Reply, TxId, compose,
};
use crate::transaction::PATIENCE;
use crate::types::{
    Credentials, DialogId, EndCause, HeaderList, RequestId, SipEvent, Source, TlsIdentity, Trouble,
};
use answers::SentAck;
use dialing::Dialing;
use dialog::Dialog;
use multipart::sdp_of;
use offers::Offers;
pub(crate) use offers::Reoffer;
use theirs::Theirs;

use uas::Ringing;
use up::Up;

pub(crate) struct Call {
    pub id: DialogId,
    pub call_id: String,
    /// Our tag: From of our INVITE, To of our responses.
    pub local_tag: String,
    phase: Phase,
    is_uac: bool,
    /// A registered phone: it is reached where it came from.
    phone: bool,
    contact: OurContact,
    credentials: Option<Credentials>,
    /// Who we are toward them over TLS, from the INVITE to the BYE.
    identity: Option<TlsIdentity>,
    terms: Terms,
    allows_update: bool,
    /// The last session description we sent: a refresh by re-INVITE says it again.
    sdp: Vec<u8>,
    /// What answers further copies of a 2xx.
    acks: Vec<SentAck>,
    offers: Offers,
    theirs: Option<Theirs>,
    /// Their requests that Python has to answer.
    open: Vec<RequestId>,
    journeys: usize,
    /// A re-INVITE that was on its way when the call ended. Its 487 should come, but a provisional
    /// took its clock away: after 64·T1 it is forgotten.
    lingering: Option<(JourneyId, Instant)>,
}

enum Phase {
    /// Our INVITE has no final answer.
    Dialing(Dialing),
    /// Their INVITE has none.
    Ringing(Box<Ringing>),
    /// A 2xx went through.
    Up(Box<Up>),
    /// `CallEnded` is told; what is left is absorbed.
    Over,
}

impl Call {
    /// Told its end, and nothing on its way any more.
    pub fn is_gone(&self) -> bool {
        self.is_over() && self.journeys == 0
    }

    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        let phase = match &self.phase {
            Phase::Dialing(dialing) => dialing.next_timeout(),
            Phase::Ringing(ringing) => Some(ringing.next_timeout()),
            Phase::Up(up) => up.next_timeout(),
            Phase::Over => return self.lingering.map(|(_, give_up)| give_up),
        };
        let theirs = self.theirs.as_ref().map(|theirs| theirs.give_up);
        [phase, theirs, self.offers.wait_until]
            .into_iter()
            .flatten()
            .min()
    }

    pub fn handle_timeout(&mut self, now: Instant, core: &mut Core) {
        match self.phase {
            Phase::Dialing(_) => self.dialing_timeout(now, core),
            Phase::Ringing(_) => self.ringing_timeout(now, core),
            Phase::Up(_) => self.up_timeout(now, core),
            Phase::Over => {
                if let Some((journey, _)) = self.lingering.take_if(|(_, give_up)| *give_up <= now) {
                    core.abandon(journey);
                }
            }
        }
        self.offers_timeout(now, core);
    }

    /// What became of a request of ours.
    pub fn outcome(
        &mut self,
        now: Instant,
        core: &mut Core,
        owner: Owner,
        journey: JourneyId,
        outcome: Outcome,
    ) {
        match (owner, outcome) {
            (owner, Outcome::Over) => {
                self.journeys = self.journeys.saturating_sub(1);
                if matches!(owner, Owner::Invite(_)) {
                    self.dialing_over(now, core);
                }
            }
            (Owner::Ack(_, tag, cseq), Outcome::AckSent(to, bytes)) => {
                self.ack_sent(&tag, cseq, to, bytes)
            }
            (Owner::Invite(_), outcome) => self.invite_outcome(now, core, journey, outcome),
            (owner, Outcome::Final(response, _))
                if matches!(response.status, 401 | 407)
                    && self.authenticate(now, core, journey, &response) =>
            {
                log::debug!("sip.call.challenged {owner:?}");
            }
            (Owner::Reoffer(_), Outcome::Final(response, source)) => {
                self.reoffer_answered(now, core, journey, response, Some(source));
            }
            (Owner::Reoffer(_), Outcome::Unanswered(status, trouble)) => {
                self.reoffer_unanswered(now, core, journey, status, trouble)
            }
            (Owner::InDialog(_, request), Outcome::Final(response, source)) => {
                tell_response(core, request, response, Some(source));
            }
            (Owner::InDialog(_, request), Outcome::Unanswered(status, _)) => {
                tell_response(core, request, Response::local(status), None);
            }
            // PRACK and BYE: whatever comes, there is nothing left to do.
            _ => {}
        }
    }

    /// `Sip.hang_up`
    pub fn hang_up(&mut self, now: Instant, core: &mut Core, headers: HeaderList) {
        match self.phase {
            Phase::Dialing(_) => self.give_up_dialing(now, core, headers),
            Phase::Ringing(_) => self.refuse(
                now,
                core,
                EndCause::HungUp,
                Reply {
                    headers,
                    ..Reply::status(603)
                },
            ),
            Phase::Up(_) => self.hang_up_when_acked(now, core, headers),
            Phase::Over => {}
        }
    }

    /// The one end. Whatever of theirs is open is answered (RFC 3261 §15.1.2).
    fn end(&mut self, now: Instant, core: &mut Core, cause: EndCause, ending: Ending) {
        if self.is_over() {
            return;
        }
        self.phase = Phase::Over;
        self.theirs = None;
        self.lingering = self
            .offers
            .journey()
            .map(|journey| (journey, now + PATIENCE));
        self.offers = Offers::default();
        for request in std::mem::take(&mut self.open) {
            if let Some(pending) = core.pending.remove(&request) {
                core.respond(now, pending.tx, Reply::status(487));
            }
        }
        core.stats.dialogs = core.stats.dialogs.saturating_sub(1);
        let Ending {
            status,
            reason,
            headers,
            trouble,
        } = ending;
        core.emit(SipEvent::CallEnded {
            dialog: self.id,
            cause,
            status,
            reason,
            headers,
            trouble,
        });
    }

    /// Send a request of this call.
    fn set_out(
        &mut self,
        core: &mut Core,
        owner: Owner,
        mut request: Request,
        from: &Dialog,
    ) -> JourneyId {
        if !request.headers.contains("User-Agent") {
            request
                .headers
                .push("User-Agent", core.config.user_agent.clone());
        }
        let refreshes = matches!(request.method, Method::Invite | Method::Update);
        self.journeys += 1;
        core.set_out(Journey {
            owner,
            request,
            credentials: self.credentials.clone(),
            lookups: from.lookups(),
            contact: refreshes.then(|| self.contact.clone()),
            identity: self.identity,
            at: Progress::default(),
        })
    }

    /// Answer a challenge to a request inside a dialog.
    fn authenticate(
        &mut self,
        now: Instant,
        core: &mut Core,
        journey: JourneyId,
        response: &Response,
    ) -> bool {
        let Some(headers) = core.answer_challenge(journey, response) else {
            return false;
        };
        let cseq = self.fresh_cseq(core, journey);
        core.retry(now, journey, cseq, headers);
        true
    }

    /// A CSeq number above all used so far.
    fn fresh_cseq(&mut self, core: &Core, journey: JourneyId) -> u32 {
        let mut dialogs: Vec<&mut Dialog> = match &mut self.phase {
            Phase::Dialing(dialing) => dialing.dialogs().collect(),
            Phase::Ringing(ringing) => vec![&mut ringing.dialog],
            Phase::Up(up) => vec![&mut up.dialog],
            Phase::Over => Vec::new(),
        };
        let used = dialogs
            .iter()
            .map(|dialog| dialog.local_cseq)
            .max()
            .unwrap_or(0);
        let fresh = used.max(core.cseq_of(journey)) + 1;
        dialogs
            .iter_mut()
            .for_each(|dialog| dialog.local_cseq = fresh);
        fresh
    }

    /// BYE in `dialog`.
    fn bye(&mut self, core: &mut Core, dialog: &mut Dialog, headers: &HeaderList) {
        let mut request = dialog.request(Method::Bye);
        compose::add_custom(&mut request.headers, headers);
        self.set_out(core, Owner::Bye(self.id), request, dialog);
    }

    /// The dialog whose remote tag is `tag`.
    fn dialog_mut(&mut self, tag: &str) -> Option<&mut Dialog> {
        match &mut self.phase {
            Phase::Dialing(dialing) => dialing.dialogs().find(|dialog| dialog.remote_tag() == tag),
            Phase::Ringing(ringing) => {
                Some(&mut ringing.dialog).filter(|dialog| dialog.remote_tag() == tag)
            }
            Phase::Up(up) => Some(&mut up.dialog).filter(|dialog| dialog.remote_tag() == tag),
            Phase::Over => None,
        }
    }

    /// Our Contact in a response of `tx`.
    fn our_contact(&self, core: &Core, tx: TxId, secure: bool) -> String {
        let to = core.servers.reply_to(tx);
        to.map_or_else(String::new, |to| {
            core.contact(&self.contact, to.target(), secure)
        })
    }

    /// Remember the session description that is going out: a refresh may have to say it again.
    fn remember_sdp(&mut self, headers: &HeaderList, content_type: &str, body: &[u8]) {
        let sdp = sdp_sent(headers, content_type, body);
        if !sdp.is_empty() {
            self.sdp = sdp;
        }
    }

    /// Keep a request of theirs for Python to answer.
    fn leave_open(&mut self, core: &mut Core, tx: TxId, request: RequestId) {
        self.open
            .retain(|request| core.pending.contains_key(request));
        self.open.push(request);
        core.pending.insert(
            request,
            crate::stack::Pending {
                tx,
                dialog: Some(self.id),
            },
        );
    }
}

/// The session description in a body of ours; a Content-Type among `headers` goes before.
fn sdp_sent(headers: &HeaderList, content_type: &str, body: &[u8]) -> Vec<u8> {
    let own = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("Content-Type"));
    sdp_of(own.map_or(content_type, |(_, value)| value), body)
}

/// What `CallEnded` says beside its cause.
#[derive(Clone, Debug, Default)]
struct Ending {
    status: u16,
    reason: String,
    headers: HeaderList,
    trouble: Option<Trouble>,
}

impl Ending {
    fn status(status: u16) -> Ending {
        let reason = if status == 0 {
            ""
        } else {
            crate::status::reason(status)
        };
        Ending {
            status,
            reason: reason.to_owned(),
            ..Ending::default()
        }
    }

    fn of(response: &Response) -> Ending {
        let headers = response.headers.to_list();
        Ending {
            status: response.status,
            reason: response.reason.clone(),
            headers,
            trouble: None,
        }
    }
}

/// `Response` for a request of ours.
pub(crate) fn tell_response(
    core: &mut Core,
    request: RequestId,
    response: Response,
    source: Option<Source>,
) {
    core.emit(SipEvent::Response {
        request,
        status: response.status,
        reason: response.reason,
        headers: response.headers.to_list(),
        body: response.body,
        source,
    });
}
