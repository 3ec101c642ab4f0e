//! An answered call: ACKs, session timer, BYE.

use std::time::Instant;

use super::dialog::Dialog;
use super::resend::{Due, Resend};
use super::session::{Call4028, Session};
use super::{Call, Ending, Phase};
use crate::stack::Core;
use crate::types::{EndCause, HeaderList, SipEvent};

pub(super) struct Up {
    pub dialog: Dialog,
    /// Our 2xx without its ACK yet.
    pub unacked: Option<Unacked>,
    /// The ACK that Python owes: it carries the answer to their offer.
    pub owed: Option<Owed>,
    pub session: Option<Session>,
    /// The callee may not say BYE before the first ACK (RFC 3261 §15).
    confirmed: bool,
    /// Hung up before that.
    hang_up: Option<HeaderList>,
}

/// A 2xx of ours, repeated until its ACK.
pub(super) struct Unacked {
    pub cseq: u32,
    pub resend: Resend,
    /// It carried an offer: the ACK brings the answer.
    pub delayed: bool,
}

/// What the ACK to a 2xx of theirs needs.
pub(super) struct Owed {
    pub cseq: u32,
    pub auth: HeaderList,
}

impl Up {
    pub fn new(dialog: Dialog, session: Option<Session>) -> Up {
        Up {
            dialog,
            unacked: None,
            owed: None,
            session,
            confirmed: true,
            hang_up: None,
        }
    }

    pub fn owing(self, owed: Option<Owed>) -> Up {
        Up { owed, ..self }
    }

    pub fn unacked(self, unacked: Option<Unacked>) -> Up {
        Up {
            confirmed: unacked.is_none(),
            unacked,
            ..self
        }
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        let unacked = self
            .unacked
            .as_ref()
            .map(|unacked| unacked.resend.next_timeout());
        let session = self.session.as_ref().map(Session::next_timeout);
        [unacked, session].into_iter().flatten().min()
    }
}

impl Call {
    /// ACK for a 2xx of ours.
    pub fn acked(&mut self, now: Instant, core: &mut Core, cseq: u32, body: Vec<u8>) {
        let Phase::Up(up) = &mut self.phase else {
            return;
        };
        let Some(unacked) = up.unacked.take_if(|unacked| unacked.cseq == cseq) else {
            return;
        };
        up.confirmed = true;
        let body = if unacked.delayed { body } else { Vec::new() };
        core.emit(SipEvent::CallAcked {
            dialog: self.id,
            body,
        });
        if let Some(headers) = up.hang_up.take() {
            return self.hang_up_now(now, core, EndCause::HungUp, &headers);
        }
        self.next_offer(now, core);
    }

    /// `Sip.ack`
    pub fn ack(&mut self, now: Instant, core: &mut Core, body: Vec<u8>, content_type: &str) {
        let Phase::Up(up) = &mut self.phase else {
            return;
        };
        let Some(owed) = up.owed.take() else { return };
        let dialog = up.dialog.clone();
        self.remember_sdp(&HeaderList::new(), content_type, &body);
        self.send_ack(core, &dialog, owed.cseq, &owed.auth, body, content_type);
        self.next_offer(now, core);
    }

    pub(super) fn hang_up_when_acked(
        &mut self,
        now: Instant,
        core: &mut Core,
        headers: HeaderList,
    ) {
        let Phase::Up(up) = &mut self.phase else {
            return;
        };
        if !up.confirmed {
            up.hang_up.get_or_insert(headers);
            return;
        }
        self.hang_up_now(now, core, EndCause::HungUp, &headers);
    }

    /// BYE; the call counts as ended with it (RFC 3261 §15.1.1).
    pub(super) fn hang_up_now(
        &mut self,
        now: Instant,
        core: &mut Core,
        cause: EndCause,
        headers: &HeaderList,
    ) {
        let Phase::Up(up) = &mut self.phase else {
            return;
        };
        let mut dialog = up.dialog.clone();
        if let Some(owed) = up.owed.take() {
            // Their 2xx is still without ACK: it gets one, so that it falls silent.
            self.send_ack(core, &dialog, owed.cseq, &owed.auth, Vec::new(), "");
        }
        self.bye(core, &mut dialog, headers);
        let status = if cause == EndCause::Timeout { 408 } else { 0 };
        self.end(now, core, cause, Ending::status(status));
    }

    pub(super) fn up_timeout(&mut self, now: Instant, core: &mut Core) {
        let Phase::Up(up) = &mut self.phase else {
            return;
        };
        if let Some(unacked) = &mut up.unacked {
            match unacked.resend.due(now) {
                Some(Due::Again) => {
                    core.stats.retransmissions += 1;
                    core.send(unacked.resend.to.clone(), unacked.resend.bytes.clone());
                }
                // RFC 3261 §13.3.1.4: no ACK in 64·T1, so the dialog is ended with a BYE.
                Some(Due::GiveUp) => {
                    let (cause, headers) = match up.hang_up.take() {
                        Some(headers) => (EndCause::HungUp, headers),
                        None => (EndCause::Timeout, HeaderList::new()),
                    };
                    return self.hang_up_now(now, core, cause, &headers);
                }
                None => {}
            }
        }
        match up.session.as_mut().and_then(|session| session.due(now)) {
            Some(Call4028::Expired) => {
                self.hang_up_now(now, core, EndCause::Timeout, &HeaderList::new())
            }
            Some(Call4028::Refresh) => self.refresh(now, core),
            None => {}
        }
    }
}
