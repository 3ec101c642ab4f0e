//! `Media`: the media threads, the connector and the file thread.

use std::collections::BTreeMap;
use std::sync::Arc;

use bridgetap_media::PromptId;
use pyo3::prelude::*;

use super::config::MediaConfig;
use super::leg::Leg;
use crate::error;
use crate::events::Events;

#[pyclass(frozen, module = "bridgetap._engine")]
pub(crate) struct Media {
    inner: bridgetap_media_io::Media,
}

#[pymethods]
impl Media {
    #[new]
    fn new(py: Python<'_>, config: &MediaConfig, events: &Events) -> PyResult<Self> {
        let (config, queue) = (config.inner.clone(), Arc::clone(&events.queue));
        let inner = py
            .detach(|| bridgetap_media_io::Media::start(config, queue))
            .map_err(error::media)?;
        Ok(Self { inner })
    }

    #[pyo3(signature = (*, address, label = ""))]
    fn open_leg(&self, py: Python<'_>, address: &str, label: &str) -> PyResult<Leg> {
        let handle = py
            .detach(|| self.inner.open_leg(address, label))
            .map_err(error::media)?;
        Ok(Leg { handle })
    }

    #[pyo3(signature = (pcm, *, rate))]
    fn load_prompt(&self, py: Python<'_>, pcm: &[u8], rate: u32) -> PyResult<u64> {
        let prompt = py
            .detach(|| self.inner.load_prompt(pcm, rate))
            .map_err(error::media)?;
        Ok(prompt.0)
    }

    fn drop_prompt(&self, prompt: u64) {
        self.inner.drop_prompt(PromptId(prompt));
    }

    fn stats(&self) -> BTreeMap<&'static str, u64> {
        self.inner.stats()
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| self.inner.close());
    }
}
