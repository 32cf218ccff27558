//! Audio that arrives in pieces of base64.

use media_types::base64::Decoder;
use media_types::{MediaContent, Mime};

use crate::answer::DecodeError;
use crate::error::ProviderError;
use crate::http::HttpSettings;
use crate::http_provider::invalid;
use crate::sink::{MediaSink, MediaWriter};

/// The audio of a streamed answer so far. Its base64 may be cut anywhere, also inside of a group of
/// four characters.
#[derive(Debug)]
pub(super) struct AudioPieces {
    sink: MediaSink,
    open: Option<(MediaWriter, Decoder)>,
    transcript: String,
}

impl AudioPieces {
    pub(super) fn new(sink: &MediaSink) -> Self {
        Self {
            sink: sink.clone(),
            open: None,
            transcript: String::new(),
        }
    }

    /// Takes more of what is said.
    pub(super) fn push_transcript(&mut self, text: &str) {
        self.transcript.push_str(text);
    }

    /// Takes more of the audio.
    ///
    /// # Errors
    /// `InvalidResponse` for what is not base64; `Spool`.
    pub(super) async fn push(
        &mut self,
        data: &[u8],
        settings: &HttpSettings,
    ) -> Result<(), ProviderError> {
        if data.is_empty() {
            return Ok(());
        }
        let sink = &self.sink;
        let begin = || (sink.begin(), Decoder::new());
        let (writer, decoder) = self.open.get_or_insert_with(begin);
        let mut bytes = Vec::new();
        let mut pushed = decoder.push(data, &mut bytes);
        // Servers that encode each piece by itself pad it.
        if pushed.is_ok() && data.ends_with(b"=") {
            pushed = std::mem::take(decoder).finish(&mut bytes);
        }
        pushed.map_err(|_| invalid(settings, "media is not base64"))?;
        let written = writer.write(&bytes).await;
        written.map_err(|error| DecodeError::Sink(error).into_error(settings.provider))
    }

    /// Returns the audio and what is said; `None` where there is none.
    ///
    /// # Errors
    /// `InvalidResponse` where the base64 is cut off; `Spool`.
    pub(super) async fn finish(
        &mut self,
        settings: &HttpSettings,
    ) -> Result<Option<(MediaContent, String)>, ProviderError> {
        let Some((mut writer, decoder)) = self.open.take() else {
            return Ok(None);
        };
        let error = |error| DecodeError::Sink(error).into_error(settings.provider);
        let mut rest = Vec::new();
        decoder
            .finish(&mut rest)
            .map_err(|_| invalid(settings, "media is not base64"))?;
        writer.write(&rest).await.map_err(error)?;
        let content = writer.finish(&Mime::AUDIO_PCM).await.map_err(error)?;
        Ok(Some((content, std::mem::take(&mut self.transcript))))
    }
}
