//! One SIP endpoint: the stack, its sockets and the one thread that drives them.

mod driver;
mod handle;
mod settings;
mod shared;
mod work;

pub use handle::{EventSink, SipEndpoint};
pub use settings::SipConfig;
