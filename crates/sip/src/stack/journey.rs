//! One request of ours from "where does it go?" to its last response: what it is, and who hears.

use std::collections::{HashMap, VecDeque};

use super::TxId;
use super::contact::OurContact;
use crate::message::{Request, Response};
use crate::types::{
    Credentials, DialogId, Lookup, LookupId, RequestId, SendTo, Source, Target, TlsIdentity,
    Trouble,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct JourneyId(pub u64);

impl JourneyId {
    /// What asks for no news (CANCEL).
    pub const NOBODY: JourneyId = JourneyId(0);
}

/// Who hears what becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Invite(DialogId),
    /// ACK for the 2xx with that To tag and CSeq.
    Ack(DialogId, String, u32),
    Bye(DialogId),
    Prack(DialogId),
    Reoffer(DialogId),
    InDialog(DialogId, RequestId),
    Alone(RequestId),
}

impl Owner {
    pub fn dialog(&self) -> Option<DialogId> {
        match self {
            Owner::Invite(id) | Owner::Bye(id) | Owner::Prack(id) | Owner::Reoffer(id) => Some(*id),
            Owner::Ack(id, ..) | Owner::InDialog(id, _) => Some(*id),
            Owner::Alone(_) => None,
        }
    }
}

/// What became of it.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Provisional(Response, Source),
    /// A final response; for an INVITE every copy of every 2xx.
    Final(Response, Source),
    /// Nothing came (408) or nothing could be sent (503), and why where that is known.
    Unanswered(u16, Option<Trouble>),
    /// An ACK was sent: these bytes answer each further copy of its 2xx.
    AckSent(SendTo, Vec<u8>),
    /// Nothing more will come.
    Over,
}

#[derive(Debug)]
pub(crate) struct News {
    pub owner: Owner,
    pub journey: JourneyId,
    pub outcome: Outcome,
}

/// What a journey needs to begin.
#[derive(Debug)]
pub(crate) struct Journey {
    pub owner: Owner,
    /// As it goes out, but for Via and (with `contact`) Contact, which depend on the target.
    pub request: Request,
    pub credentials: Option<Credentials>,
    /// To be asked one after another until targets come.
    pub lookups: VecDeque<Lookup>,
    /// The Contact to write, if any is to be written.
    pub contact: Option<OurContact>,
    /// Who we are toward every target that it has over TLS.
    pub identity: Option<TlsIdentity>,
    pub at: Progress,
}

/// How far it has come.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(super) locating: Option<LookupId>,
    pub(super) targets: VecDeque<Target>,
    pub(super) current: Option<(TxId, Target)>,
    pub(super) challenges: u8,
    /// Located by a URI that leaves the transport open.
    pub(super) any_transport: bool,
    pub(super) sealed: bool,
    /// Why the last target could not be reached.
    pub(super) trouble: Option<Trouble>,
}

#[derive(Debug, Default)]
pub(crate) struct Journeys {
    pub(super) by_id: HashMap<JourneyId, Journey>,
    pub(super) lookups: HashMap<LookupId, JourneyId>,
}

impl Journeys {
    pub fn get(&self, id: JourneyId) -> Option<&Journey> {
        self.by_id.get(&id)
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }
}
