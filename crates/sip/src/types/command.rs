//! What Python asks for.

use super::{
    Credentials, DialogId, FlowId, HeaderList, RequestId, TlsIdentity, TrunkRule, UserRule,
};

/// Whether our provisional responses to come may ask for PRACK (RFC 3262).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reliable {
    /// `Supported: 100rel`.
    Supported,
    /// `Require: 100rel`.
    Required,
    /// Neither.
    Off,
}

/// The method of a re-offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReofferMethod {
    /// re-INVITE
    Invite,
    /// UPDATE (RFC 3311)
    Update,
}

/// What Python asks for: every command of `Sip` in `_engine.pyi`. Ids come from [`crate::Ids`].
/// A command on an id that is already gone does nothing.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // each field is documented in `_engine.pyi`, the contract
pub enum Command {
    SetAdmission {
        trunks: Vec<TrunkRule>,
        users: Vec<UserRule>,
    },
    Invite(Box<Invite>),
    Progress {
        dialog: DialogId,
        status: u16,
        reason: String,
        headers: HeaderList,
        body: Vec<u8>,
        reliable: bool,
    },
    Answer {
        dialog: DialogId,
        body: Vec<u8>,
        content_type: String,
        headers: HeaderList,
    },
    Reject {
        dialog: DialogId,
        status: u16,
        reason: String,
        headers: HeaderList,
    },
    Ack {
        dialog: DialogId,
        body: Vec<u8>,
        content_type: String,
    },
    Reoffer {
        dialog: DialogId,
        method: ReofferMethod,
        body: Vec<u8>,
        headers: HeaderList,
    },
    Request(Box<OwnRequest>),
    Respond {
        request: RequestId,
        status: u16,
        reason: String,
        headers: HeaderList,
        body: Vec<u8>,
        content_type: String,
    },
    HangUp {
        dialog: DialogId,
        headers: HeaderList,
    },
    RefuseNewCalls,
}

/// `Sip.invite`.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // as above
pub struct Invite {
    pub dialog: DialogId,
    pub target: String,
    pub from: String,
    pub to: String,
    pub headers: HeaderList,
    pub body: Vec<u8>,
    pub content_type: String,
    pub credentials: Option<Credentials>,
    pub route: Vec<String>,
    pub flow: Option<FlowId>,
    pub reliable: Reliable,
    pub identity: Option<TlsIdentity>,
}

/// `Sip.request`; with `dialog`, the fields from `target` to `to` are not used.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // as above
pub struct OwnRequest {
    pub request: RequestId,
    pub method: String,
    pub dialog: Option<DialogId>,
    pub target: String,
    pub from: String,
    pub to: String,
    pub headers: HeaderList,
    pub body: Vec<u8>,
    pub content_type: String,
    pub credentials: Option<Credentials>,
    pub flow: Option<FlowId>,
    /// Empty: a new one.
    pub call_id: String,
    /// 0: starts at 1.
    pub cseq: u32,
}
