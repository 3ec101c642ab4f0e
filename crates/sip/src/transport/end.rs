//! Why a connection is over.

use crate::types::{NoticeKind, Trouble};

/// For the operator, and for whoever had something to send.
#[derive(Debug)]
pub struct End {
    /// Where it is worth a word.
    pub notice: Option<(NoticeKind, String)>,
}

impl End {
    /// As connections end.
    pub fn silent() -> Self {
        Self { notice: None }
    }

    /// Somebody should know.
    pub fn told(kind: NoticeKind, detail: &str) -> Self {
        Self {
            notice: Some((kind, detail.to_owned())),
        }
    }

    /// What became of messages that it took along.
    pub fn trouble(&self) -> Trouble {
        match &self.notice {
            Some((kind, detail)) => Trouble {
                tls: *kind == NoticeKind::Tls,
                detail: detail.clone(),
            },
            None => Trouble {
                tls: false,
                detail: "the peer closed the connection".to_owned(),
            },
        }
    }
}
