//! One exception for all that the core refuses.

use bridgetap_media_io::MediaError;
use bridgetap_sip::error::SipError;
use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

create_exception!(
    bridgetap._engine,
    EngineError,
    PyException,
    "What the core refused, with the place, the value and the rule in its text."
);

/// An `EngineError` with that text.
pub(crate) fn refused(text: impl Into<String>) -> PyErr {
    EngineError::new_err(text.into())
}

/// What media refused.
pub(crate) fn media(error: MediaError) -> PyErr {
    refused(error.to_string())
}

/// What SIP refused.
pub(crate) fn sip(error: SipError) -> PyErr {
    refused(error.to_string())
}
