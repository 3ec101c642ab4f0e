//! Which transaction a message belongs to (RFC 3261 §17.1.3, §17.2.3).

use crate::message::Request;
use crate::method::Method;
use crate::value::{CSeq, NameAddr, Via};

/// Finds the client transaction of a response: our own branch, and CANCEL apart from its INVITE.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientKey {
    branch: String,
    method: Method,
}

impl ClientKey {
    /// For a request of ours, or from a response's topmost Via and CSeq.
    pub fn new(branch: &str, method: &Method) -> ClientKey {
        ClientKey {
            branch: branch.to_owned(),
            method: method.clone(),
        }
    }

    /// The branch alone.
    pub fn branch(&self) -> &str {
        &self.branch
    }
}

/// Finds the server transaction of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServerKey {
    /// RFC 3261: branch, sent-by and method.
    Branch {
        branch: String,
        sent_by: String,
        method: Method,
    },
    /// RFC 2543: no magic cookie, so everything a repeat leaves alone.
    Legacy {
        uri: String,
        from_tag: String,
        call_id: String,
        cseq: u32,
        via: String,
        method: Method,
    },
}

impl ServerKey {
    /// The key of `request` with `via` as it came, before it is stamped.
    pub fn of(
        request: &Request,
        via: &Via,
        from: &NameAddr,
        call_id: &str,
        cseq: &CSeq,
    ) -> ServerKey {
        let method = match &request.method {
            Method::Ack => Method::Invite,
            method => method.clone(),
        };
        match via.branch() {
            Some(branch) => ServerKey::Branch {
                branch: branch.to_owned(),
                sent_by: via.sent_by(),
                method,
            },
            None => ServerKey::Legacy {
                uri: request.uri.clone(),
                from_tag: from.tag().unwrap_or_default().to_owned(),
                call_id: call_id.to_owned(),
                cseq: cseq.number,
                via: via.to_string(),
                method,
            },
        }
    }

    /// The transaction that a CANCEL with this key is about (§9.2).
    pub fn cancelled(&self) -> ServerKey {
        let mut key = self.clone();
        match &mut key {
            ServerKey::Branch { method, .. } | ServerKey::Legacy { method, .. } => {
                *method = Method::Invite
            }
        }
        key
    }
}

/// What two copies of one request have in common that reached us by different ways (§8.2.2.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MergeKey {
    from_tag: String,
    call_id: String,
    cseq: CSeq,
}

impl MergeKey {
    /// Of a request outside any dialog.
    pub fn of(from: &NameAddr, call_id: &str, cseq: &CSeq) -> MergeKey {
        let from_tag = from.tag().unwrap_or_default().to_owned();
        MergeKey {
            from_tag,
            call_id: call_id.to_owned(),
            cseq: cseq.clone(),
        }
    }
}
