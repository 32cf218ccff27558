//! Reading answers chunk by chunk.

use media_types::Mime;

use super::decoder::ResponseDecoder;
use super::events::EventDecoder;
use super::json::Answer;
use super::limits::DecodeLimits;
use crate::error::ProviderError;
use crate::format::ApiFormat;
use crate::sink::MediaSink;

/// Longest JSON around the media, in bytes.
const MAX_JSON: usize = 16 * 1024 * 1024;
/// Most bytes of media of one answer, decoded.
const MAX_MEDIA: usize = 256 * 1024 * 1024;

fn limits_of(format: ApiFormat) -> DecodeLimits {
    DecodeLimits {
        paths: format.spec().media,
        max_json: MAX_JSON,
        max_media: MAX_MEDIA,
    }
}

/// Reads one answer in chunks that are cut anywhere.
///
/// An answer may have 16 MiB of JSON, 256 MiB of media, and 64 media items.
#[derive(Debug)]
pub struct AnswerReader {
    format: ApiFormat,
    decoder: ResponseDecoder,
    mime: Mime,
}

impl AnswerReader {
    /// Creates a reader of an answer of an API.
    pub fn new(format: ApiFormat, sink: &MediaSink) -> Self {
        Self {
            format,
            decoder: ResponseDecoder::new(limits_of(format), sink),
            mime: Mime::IMAGE_PNG,
        }
    }

    /// Sets the type of media whose bytes and answer show none. Defaults to `image/png`.
    #[must_use]
    pub fn with_declared_mime(mut self, mime: Mime) -> Self {
        self.mime = mime;
        self
    }

    /// Reads on. A call that is dropped before its end spoils the answer.
    ///
    /// # Errors
    /// `InvalidResponse` where media is not base64 or the answer is too large, for this reader or
    /// for the turn; `Spool`. The reader is of no use then.
    pub async fn push(&mut self, chunk: &[u8]) -> Result<(), ProviderError> {
        let pushed = self.decoder.push(chunk).await;
        pushed.map_err(|error| error.into_error(self.format.family()))
    }

    /// Returns the answer.
    ///
    /// # Errors
    /// `InvalidResponse` where it is truncated or not JSON; `Spool`.
    pub async fn finish(self) -> Result<Answer, ProviderError> {
        let provider = self.format.family();
        let decoded = self.decoder.finish();
        let decoded = decoded.map_err(|error| error.into_error(provider))?;
        Answer::read(decoded, self.format.spec().media, &self.mime, provider).await
    }
}

/// Reads an answer of server-sent events, in chunks that are cut anywhere.
///
/// An event may have 16 MiB of JSON and 64 media items; all events together 256 MiB of media, and
/// 1024 media items.
#[derive(Debug)]
pub struct EventReader {
    format: ApiFormat,
    decoder: EventDecoder,
    mime: Mime,
}

impl EventReader {
    /// Creates a reader of events of an API.
    pub fn new(format: ApiFormat, sink: &MediaSink) -> Self {
        Self {
            format,
            decoder: EventDecoder::new(limits_of(format), sink),
            mime: Mime::IMAGE_PNG,
        }
    }

    /// Sets the type of media whose bytes and event show none. Defaults to `image/png`.
    #[must_use]
    pub fn with_declared_mime(mut self, mime: Mime) -> Self {
        self.mime = mime;
        self
    }

    /// Reads on to the end of an event and moves `input` to what is left; `None` when all of it was
    /// read. Events without JSON, such as `[DONE]`, are passed over. A call that is dropped before its
    /// end spoils the answer.
    ///
    /// # Errors
    /// The errors of [`AnswerReader`].
    pub async fn next(&mut self, input: &mut &[u8]) -> Result<Option<Answer>, ProviderError> {
        let provider = self.format.family();
        loop {
            let decoded = self.decoder.next(input).await;
            let Some(decoded) = decoded.map_err(|error| error.into_error(provider))? else {
                return Ok(None);
            };
            if matches!(decoded.json.trim_ascii(), b"" | b"[DONE]") {
                continue;
            }
            let paths = self.format.spec().media;
            return Answer::read(decoded, paths, &self.mime, provider)
                .await
                .map(Some);
        }
    }

    /// Returns whether everything that was read belongs to events that have ended; a stream that
    /// ends elsewhere was cut off.
    pub fn is_between_events(&self) -> bool {
        self.decoder.is_between_events()
    }
}
