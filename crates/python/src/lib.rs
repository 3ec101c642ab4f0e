//! PyO3 shells only: convert, call, convert back (docs/style: logic found here moves down).
use pyo3::prelude::*;

/// The compiled module `bridgetap._engine`; its contract is `_engine.pyi`.
#[pymodule]
mod _engine {}
