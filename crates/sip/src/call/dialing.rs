//! What is known of a call we make before it is answered: its early dialogs, and whether it is
//! being cancelled.

use std::time::Instant;

use super::dialog::{Beginning, Dialog};
use crate::headers::Headers;
use crate::stack::{Core, JourneyId};
use crate::types::HeaderList;
use crate::value::NameAddr;

pub(super) struct Dialing {
    pub journey: JourneyId,
    pub from: NameAddr,
    pub target: String,
    /// Our INVITE carried no offer: their 2xx will.
    pub wants_offer: bool,
    pub early: Vec<Early>,
    pub cancel: Cancel,
}

pub(super) struct Early {
    pub dialog: Dialog,
    /// The last reliable response of this dialog (RFC 3262 §4).
    pub rseq: Option<u32>,
    /// A reliable one answered our offer, so UPDATE may offer anew (RFC 3311 §5.1).
    pub answered: bool,
}

pub(super) enum Cancel {
    No,
    /// Python hung up before any provisional: CANCEL has to wait for one (RFC 3261 §9.1).
    Wanted(HeaderList),
    Sent {
        give_up: Instant,
    },
}

/// More forks than this are a fault of somebody's dial plan; they time out by themselves.
pub(super) const MAX_FORKS: usize = 16;

impl Dialing {
    pub fn next_timeout(&self) -> Option<Instant> {
        match self.cancel {
            Cancel::Sent { give_up } => Some(give_up),
            _ => None,
        }
    }

    pub fn dialogs(&mut self) -> impl Iterator<Item = &mut Dialog> {
        self.early.iter_mut().map(|early| &mut early.dialog)
    }

    /// Python has hung up already.
    pub fn is_cancelled(&self) -> bool {
        !matches!(self.cancel, Cancel::No)
    }

    /// The dialog that a 2xx makes, of its early one if there was one (RFC 3261 §13.2.2.4).
    pub fn confirm(&self, call_id: &str, to: NameAddr, headers: &Headers, cseq: u32) -> Dialog {
        let early = self
            .early
            .iter()
            .find(|early| early.dialog.remote.tag() == to.tag());
        Dialog::begin(Beginning {
            call_id,
            local: self.from.clone(),
            remote: to,
            local_cseq: early.map_or(cseq, |early| early.dialog.local_cseq),
            remote_cseq: early.and_then(|early| early.dialog.remote_cseq),
            headers,
            otherwise: &self.target,
            is_uac: true,
        })
    }

    /// Whether the early dialog with that remote tag has its offer answered.
    pub fn is_answered(&self, tag: &str) -> bool {
        self.early
            .iter()
            .any(|early| early.dialog.remote_tag() == tag && early.answered)
    }

    /// The early dialog of a provisional response, a new one where there is room.
    pub fn early(
        &mut self,
        core: &Core,
        call_id: &str,
        to: NameAddr,
        headers: &Headers,
    ) -> Option<&mut Early> {
        let known = self
            .early
            .iter()
            .position(|early| early.dialog.remote.tag() == to.tag());
        if let Some(at) = known {
            let early = self.early.get_mut(at)?;
            early.dialog.refresh_target(headers);
            return Some(early);
        }
        if self.early.len() >= MAX_FORKS {
            return None;
        }
        let dialog = Dialog::begin(Beginning {
            call_id,
            local: self.from.clone(),
            remote: to,
            local_cseq: core.cseq_of(self.journey),
            remote_cseq: None,
            headers,
            otherwise: &self.target,
            is_uac: true,
        });
        self.early.push(Early {
            dialog,
            rseq: None,
            answered: false,
        });
        self.early.last_mut()
    }
}
