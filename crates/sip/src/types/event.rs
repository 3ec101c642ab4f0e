//! What Python is told.

use std::net::SocketAddr;

use super::{DialogId, FlowId, HeaderList, Identity, ReofferMethod, RequestId, Source, Trouble};

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndCause {
    /// They hung up.
    Bye,
    /// They gave up before an answer.
    Cancelled,
    /// They refused: a final 3xx–6xx.
    Rejected,
    /// We hung up, or refused them.
    HungUp,
    /// Nothing heard, no ACK, session expired.
    Timeout,
    /// Nothing could be sent.
    Transport,
}

impl EndCause {
    /// As `CallEnded.cause` spells it.
    pub fn name(self) -> &'static str {
        match self {
            EndCause::Bye => "bye",
            EndCause::Cancelled => "cancelled",
            EndCause::Rejected => "rejected",
            EndCause::HungUp => "hung-up",
            EndCause::Timeout => "timeout",
            EndCause::Transport => "transport",
        }
    }
}

/// What a notice to the operator is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NoticeKind {
    /// Bytes that are no SIP message.
    Malformed,
    /// A wrong username or password.
    AuthFailed,
    /// Not allowed to call.
    Refused,
    /// The gate closed.
    Overload,
    /// A handshake failed.
    Tls,
}

impl NoticeKind {
    /// As `SipNotice.kind` spells it.
    pub fn name(self) -> &'static str {
        match self {
            NoticeKind::Malformed => "malformed",
            NoticeKind::AuthFailed => "auth-failed",
            NoticeKind::Refused => "refused",
            NoticeKind::Overload => "overload",
            NoticeKind::Tls => "tls",
        }
    }
}

/// What Python is told: every SIP event of `_engine.pyi`, field for field.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // each field is documented in `_engine.pyi`, the contract
pub enum SipEvent {
    IncomingCall(Box<IncomingCall>),
    CallProgress {
        dialog: DialogId,
        status: u16,
        reason: String,
        headers: HeaderList,
        content_type: String,
        body: Vec<u8>,
        reliable: bool,
        early: String,
    },
    CallAnswered {
        dialog: DialogId,
        headers: HeaderList,
        content_type: String,
        body: Vec<u8>,
        needs_ack: bool,
        contact: String,
        source: SocketAddr,
    },
    CallAcked {
        dialog: DialogId,
        body: Vec<u8>,
    },
    CallEnded {
        dialog: DialogId,
        cause: EndCause,
        status: u16,
        reason: String,
        headers: HeaderList,
        trouble: Option<Trouble>,
    },
    ReofferReceived {
        dialog: DialogId,
        request: RequestId,
        method: ReofferMethod,
        headers: HeaderList,
        body: Vec<u8>,
    },
    ReofferAnswered {
        dialog: DialogId,
        status: u16,
        reason: String,
        body: Vec<u8>,
    },
    ReofferOvertaken {
        dialog: DialogId,
    },
    RegisterReceived(Box<RegisterReceived>),
    RequestReceived {
        dialog: DialogId,
        request: RequestId,
        method: String,
        headers: HeaderList,
        content_type: String,
        body: Vec<u8>,
    },
    /// `local` and `source` are empty when no response came (`None`).
    Response {
        request: RequestId,
        status: u16,
        reason: String,
        headers: HeaderList,
        body: Vec<u8>,
        source: Option<Source>,
    },
    /// Made by the driver, not by the stack.
    FlowClosed {
        flow: FlowId,
    },
    /// The stack reports each one; the driver merges them to one a source and second.
    SipNotice {
        kind: NoticeKind,
        source: SocketAddr,
        detail: String,
        count: u32,
    },
}

/// A new INVITE that admission let through.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // as above
pub struct IncomingCall {
    pub dialog: DialogId,
    pub identity: Identity,
    pub request_uri: String,
    pub from: String,
    pub to: String,
    pub contact: String,
    pub call_id: String,
    pub headers: HeaderList,
    pub content_type: String,
    pub body: Vec<u8>,
    pub source: Source,
}

/// An authenticated REGISTER.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // as above
pub struct RegisterReceived {
    pub request: RequestId,
    pub user: String,
    pub to: String,
    pub contacts: Vec<String>,
    pub expires: Option<u32>,
    pub call_id: String,
    pub cseq: u32,
    pub headers: HeaderList,
    pub source: Source,
}
