//! `Events`: the queue from the core, as Python reads it.

use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Instant;

use pyo3::prelude::*;

use crate::error::refused;
use crate::upward::{Queue, Upward};
use crate::{media, sip};

#[pyclass(frozen, module = "bridgetap._engine")]
pub(crate) struct Events {
    pub(crate) queue: Arc<Queue>,
}

#[pymethods]
impl Events {
    #[new]
    fn new() -> PyResult<Self> {
        let queue = Queue::new().map_err(|error| refused(format!("the event queue: {error}")))?;
        Ok(Self {
            queue: Arc::new(queue),
        })
    }

    fn fileno(&self) -> RawFd {
        self.queue.as_raw_fd()
    }

    #[pyo3(signature = (limit = 512))]
    fn take<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.queue
            .take(limit)
            .into_iter()
            .map(|event| match event {
                Upward::Sip(event) => sip::events::convert(py, event),
                Upward::Media(event) => media::events::convert(py, event),
            })
            .collect()
    }

    fn oldest_ms(&self) -> u64 {
        u64::try_from(self.queue.oldest_wait(Instant::now()).as_millis()).unwrap_or(u64::MAX)
    }
}
