//! PyO3 shells only: convert, call, convert back. Logic found here moves down.
//!
//! Nothing in here is ever called by a thread of the core: events wait in a queue until Python
//! takes them, so no thread of the core ever waits for the interpreter.

mod bytes;
mod error;
mod events;
mod log_lines;
mod media;
mod sip;
mod upward;

use pyo3::prelude::*;

/// The compiled module `bridgetap._engine`; its contract is `_engine.pyi`.
#[pymodule]
mod _engine {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::error::EngineError;
    #[pymodule_export]
    use crate::events::Events;
    #[pymodule_export]
    use crate::media::config::{ForkEndpoint, ForkTarget, LegMedia, MediaConfig};
    #[pymodule_export]
    use crate::media::events::{
        DtmfPressed, ForkEnded, ForkLagging, ForkOpened, ForkReconnecting, ForkResumed, ForkWarned,
        LegClosed, LegStats, PlayEnded, RecordEnded, RtpTimedOut,
    };
    #[pymodule_export]
    use crate::media::leg::Leg;
    #[pymodule_export]
    use crate::media::threads::Media;
    #[pymodule_export]
    use crate::sip::config::{Admission, Credentials, SipConfig, User};
    #[pymodule_export]
    use crate::sip::endpoint::Sip;
    #[pymodule_export]
    use crate::sip::events::{
        CallAcked, CallAnswered, CallEnded, CallProgress, FlowClosed, IncomingCall,
        RegisterReceived, ReofferAnswered, ReofferOvertaken, ReofferReceived, RequestReceived,
        Response, SipNotice,
    };

    /// Log lines of the core go to standard error from now on.
    #[pymodule_init]
    fn init(_module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::log_lines::install();
        Ok(())
    }
}

/// A word of a fixed list, or an error that names them.
fn word<T: Copy>(place: &str, value: &str, words: &[(&str, T)]) -> PyResult<T> {
    words
        .iter()
        .find(|(name, _)| *name == value)
        .map(|(_, meaning)| *meaning)
        .ok_or_else(|| {
            let known: Vec<_> = words.iter().map(|(name, _)| *name).collect();
            error::refused(format!(
                "{place}: {value:?}: must be one of {}",
                known.join(", ")
            ))
        })
}
