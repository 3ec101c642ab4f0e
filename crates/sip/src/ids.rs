//! The one source of dialog and request numbers, shared by Python's commands and the stack.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::types::{DialogId, RequestId};

/// Clones count on together; numbers start at 1 and are never used twice.
#[derive(Clone, Debug, Default)]
pub struct Ids(Arc<AtomicU64>);

impl Ids {
    /// For a new call.
    pub fn dialog(&self) -> DialogId {
        DialogId(self.next())
    }

    /// For a new request.
    pub fn request(&self) -> RequestId {
        RequestId(self.next())
    }

    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}
