//! `Leg`: a handle to one RTP leg.

use bridgetap_media::{ForkId, PromptId, RecordId};
use bridgetap_media_io::LegHandle;
use pyo3::prelude::*;

use super::config::{ForkTarget, LegMedia, tracks};
use super::events::LegStats;
use crate::error;

#[pyclass(frozen, module = "bridgetap._engine")]
pub(crate) struct Leg {
    pub(crate) handle: LegHandle,
}

#[pymethods]
impl Leg {
    #[getter]
    fn id(&self) -> u64 {
        self.handle.id().0
    }

    #[getter]
    fn rtp_port(&self) -> u16 {
        self.handle.rtp_port()
    }

    #[getter]
    fn ssrc(&self) -> u32 {
        self.handle.ssrc()
    }

    fn configure(&self, media: &LegMedia) -> PyResult<()> {
        self.handle
            .configure(media.inner.clone())
            .map_err(error::media)
    }

    #[pyo3(signature = (prompts, *, r#loop = 1))]
    fn play(&self, prompts: Vec<u64>, r#loop: u32) -> PyResult<u64> {
        let prompts: Vec<_> = prompts.into_iter().map(PromptId).collect();
        Ok(self.handle.play(&prompts, r#loop).map_err(error::media)?.0)
    }

    fn stop_play(&self) {
        self.handle.stop_play();
    }

    fn bridge(&self, other: &Leg) -> PyResult<()> {
        self.handle.bridge(&other.handle).map_err(error::media)
    }

    fn exchange(&self, other: &Leg) -> PyResult<()> {
        self.handle.exchange(&other.handle).map_err(error::media)
    }

    fn unbridge(&self) {
        self.handle.unbridge();
    }

    fn copy(&self, track: &str, to: &Leg) -> PyResult<()> {
        let [track] = self::tracks(&[track.to_owned()])?[..] else {
            return Ok(());
        };
        self.handle.copy(track, &to.handle).map_err(error::media)
    }

    fn end_copy(&self, to: &Leg) {
        self.handle.end_copy(&to.handle);
    }

    fn beep(&self) -> PyResult<()> {
        self.handle.beep().map_err(error::media)
    }

    fn end_beep(&self) {
        self.handle.end_beep();
    }

    #[pyo3(signature = (digits, *, duration_ms = 100, gap_ms = 70))]
    fn send_dtmf(&self, digits: &str, duration_ms: u32, gap_ms: u32) -> PyResult<u64> {
        Ok(self
            .handle
            .send_dtmf(digits, duration_ms, gap_ms)
            .map_err(error::media)?
            .0)
    }

    fn fork(&self, target: &ForkTarget) -> PyResult<u64> {
        Ok(self
            .handle
            .fork(target.inner.clone())
            .map_err(error::media)?
            .0)
    }

    fn stop_fork(&self, fork: u64) {
        self.handle.stop_fork(ForkId(fork));
    }

    fn tell_key(&self, key: char) -> PyResult<()> {
        self.handle.tell_key(key).map_err(error::media)
    }

    fn tell_fork(&self, fork: u64, event: &str, body: &str) -> PyResult<()> {
        self.handle
            .tell_fork(ForkId(fork), event, body)
            .map_err(error::media)
    }

    #[pyo3(signature = (path, *, tracks))]
    fn record(&self, path: &str, tracks: Vec<String>) -> PyResult<u64> {
        let tracks = self::tracks(&tracks)?;
        Ok(self.handle.record(path, &tracks).map_err(error::media)?.0)
    }

    fn stop_record(&self, record: u64) {
        self.handle.stop_record(RecordId(record));
    }

    fn stats(&self) -> Option<LegStats> {
        self.handle.stats().map(LegStats::from)
    }

    fn close(&self) {
        self.handle.close();
    }
}
