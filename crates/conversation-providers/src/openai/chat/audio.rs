//! Audio that arrives in pieces of base64.

use media_types::base64::Decoder;
use media_types::{MediaContent, Mime};

use crate::answer::DecodeError;
use crate::error::ProviderError;
use crate::http::HttpSettings;
use crate::http_provider::invalid;
use crate::sink::{MediaSink, MediaWriter, SinkError};

/// The size of a sample of raw audio, in bytes.
const SAMPLE: usize = 2;

/// The characters of a group of base64, which has one byte less.
const GROUP: usize = 4;

/// The audio of a streamed answer so far. Its base64 may be cut anywhere, also inside of a group of
/// four characters.
#[derive(Debug)]
pub(super) struct AudioPieces {
    sink: MediaSink,
    open: Option<Open>,
    transcript: String,
}

#[derive(Debug)]
struct Open {
    writer: MediaWriter,
    decoder: Decoder,
    /// The first byte of a sample whose second has not come: what is written ends with a sample at
    /// any time.
    half: Vec<u8>,
}

impl Open {
    fn new(sink: &MediaSink) -> Self {
        Self {
            writer: sink.begin(),
            decoder: Decoder::new(),
            half: Vec::new(),
        }
    }

    /// Writes bytes up to the end of a sample.
    async fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        let mut whole = std::mem::take(&mut self.half);
        whole.extend_from_slice(bytes);
        self.half = whole.split_off(whole.len() / SAMPLE * SAMPLE);
        self.writer.write(&whole).await
    }

    /// The bytes of the last group of characters, which is not complete.
    fn rest_of_group(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        for missing in 1..GROUP {
            // Zeros in the place of what is missing; a byte that has any of them is not kept.
            if self.decoder.push(b"A", &mut rest).is_err() {
                return Vec::new();
            }
            if !rest.is_empty() {
                rest.truncate(GROUP - 1 - missing);
                break;
            }
        }
        rest
    }
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
        let open = self.open.get_or_insert_with(|| Open::new(sink));
        let mut bytes = Vec::new();
        // After an error a decoder is of no use, and what was written before it is.
        let mut decoder = std::mem::take(&mut open.decoder);
        let mut pushed = decoder.push(data, &mut bytes);
        // Servers that encode each piece by itself pad it.
        if pushed.is_ok() && data.ends_with(b"=") {
            pushed = std::mem::take(&mut decoder).finish(&mut bytes);
        }
        pushed.map_err(|_| invalid(settings, "media is not base64"))?;
        open.decoder = decoder;
        let written = open.write(&bytes).await;
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
        let Some(mut open) = self.open.take() else {
            return Ok(None);
        };
        let mut rest = std::mem::take(&mut open.half);
        if open.decoder.clone().finish(&mut rest).is_err() {
            open.half = rest;
            self.open = Some(open);
            return Err(invalid(settings, "media is not base64"));
        }
        let mut writer = open.writer;
        let error = |error| DecodeError::Sink(error).into_error(settings.provider);
        writer.write(&rest).await.map_err(error)?;
        let content = writer.finish(&Mime::AUDIO_PCM).await.map_err(error)?;
        Ok(Some((content, std::mem::take(&mut self.transcript))))
    }

    /// Returns the whole samples of audio that was cut off, and what was said; `None` where there are
    /// none.
    ///
    /// # Errors
    /// `Spool`; `TooLarge`.
    pub(super) async fn cut(&mut self) -> Result<Option<(MediaContent, String)>, SinkError> {
        let Some(mut open) = self.open.take() else {
            return Ok(None);
        };
        let rest = open.rest_of_group();
        open.write(&rest).await?;
        if open.writer.is_empty() {
            return Ok(None);
        }
        let content = open.writer.finish(&Mime::AUDIO_PCM).await?;
        Ok(Some((content, std::mem::take(&mut self.transcript))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media_types::base64;

    /// The audio of a cut answer whose base64 came in pieces.
    async fn cut(pieces: &[&str]) -> Option<(Vec<u8>, String)> {
        let settings = HttpSettings::new("openai", "key", "https://h");
        let mut audio = AudioPieces::new(&MediaSink::in_memory());
        audio.push_transcript("Hel");
        for piece in pieces {
            // What is no base64 ends the answer.
            if audio.push(piece.as_bytes(), &settings).await.is_err() {
                break;
            }
        }
        let (content, said) = audio.cut().await.unwrap()?;
        assert_eq!(content.mime(), &Mime::AUDIO_PCM);
        Some((content.inline().unwrap().to_vec(), said))
    }

    #[tokio::test]
    async fn every_whole_sample_of_a_cut_answer_is_kept() {
        let bytes: Vec<u8> = (0..20).collect();
        let text = base64::encode(&bytes);
        let symbols = text.trim_end_matches('=');
        for end in 0..=text.len() {
            let whole = end.min(symbols.len()) * 6 / 8 / SAMPLE * SAMPLE;
            for middle in 0..=end {
                let found = cut(&[&text[..middle], &text[middle..end]]).await;
                let expected = (whole > 0).then(|| (bytes[..whole].to_vec(), "Hel".to_owned()));
                assert_eq!(found, expected, "{middle} {end}");
            }
        }
    }

    #[tokio::test]
    async fn audio_before_what_is_no_base64_is_kept() {
        let found = cut(&["AAEC", "AwQF", "**", "BgcI"]).await;
        assert_eq!(found.unwrap().0, [0, 1, 2, 3, 4, 5]);
        // Each piece by itself, an odd number of bytes in each.
        let found = cut(&["AAEC", "Aw==", "BA==", "BQ==", "B"]).await;
        assert_eq!(found.unwrap().0, [0, 1, 2, 3, 4, 5]);
    }

    #[tokio::test]
    async fn audio_whose_end_is_no_base64_is_an_error_and_kept() {
        let settings = HttpSettings::new("openai", "key", "https://h");
        let mut audio = AudioPieces::new(&MediaSink::in_memory());
        audio.push(b"AAECAwQFB", &settings).await.unwrap();
        let error = audio.finish(&settings).await.unwrap_err();
        assert_eq!(error.reason(), Some("media is not base64"));
        let (content, _) = audio.cut().await.unwrap().unwrap();
        assert_eq!(content.inline().unwrap().as_ref(), [0, 1, 2, 3, 4, 5]);
        assert!(audio.cut().await.unwrap().is_none());
    }
}
