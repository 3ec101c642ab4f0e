//! Locating SIP servers (RFC 3263): the procedure as a pure state machine, and the one thread
//! that asks the DNS.

mod procedure;
mod records;
mod worker;

pub use procedure::{Means, Place, Procedure, Step};
pub use records::{Answer, Naptr, Query, Srv, order_by_weight};
pub use worker::{Resolved, Resolver};
