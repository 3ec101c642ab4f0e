//! Bodies as Python bytes, made once when the event is taken.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Copy a body into the interpreter.
pub(crate) fn bytes(py: Python<'_>, body: &[u8]) -> Py<PyBytes> {
    PyBytes::new(py, body).unbind()
}
