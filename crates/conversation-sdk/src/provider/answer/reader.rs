//! Reading answers piece by piece.

use media_types::Mime;

use super::form;
use super::intake::{EventIntake, Form, Intake};
use super::json::Answer;
use crate::provider::ProviderError;
use crate::provider::wire::WireForm;
use crate::receive::MediaReceiver;

/// Longest JSON around the media, in bytes.
const MAX_JSON: usize = 16 * 1024 * 1024;
/// Most bytes of media of one answer, decoded.
const MAX_MEDIA: usize = 256 * 1024 * 1024;

fn form_of(form: WireForm) -> Form {
    Form {
        places: form::places(form),
        max_rest: MAX_JSON,
        max_media: MAX_MEDIA,
    }
}

/// Reads one answer in pieces that are cut anywhere.
///
/// An answer may have 16 MiB of JSON, 256 MiB of media, and 64 media.
#[derive(Debug)]
pub struct AnswerReader {
    form: WireForm,
    intake: Intake,
    mime: Mime,
}

impl AnswerReader {
    /// Reads an answer of this API.
    pub fn new(form: WireForm, receiver: &MediaReceiver) -> Self {
        Self {
            form,
            intake: Intake::new(form_of(form), receiver),
            mime: Mime::IMAGE_PNG,
        }
    }

    /// The type of media where neither its bytes nor the answer tell one. Default: `image/png`.
    #[must_use]
    pub fn with_declared_mime(mut self, mime: Mime) -> Self {
        self.mime = mime;
        self
    }

    /// Reads on. A call that is dropped before its end spoils the answer.
    ///
    /// # Errors
    /// `InvalidResponse` where media is not base64 or the answer is too large, for this reader or
    /// for the turn; `Spool`. What came so far is of no use then.
    pub async fn push(&mut self, piece: &[u8]) -> Result<(), ProviderError> {
        let pushed = self.intake.push(piece).await;
        pushed.map_err(|error| error.into_error(self.form.provider()))
    }

    /// Ends the answer.
    ///
    /// # Errors
    /// `InvalidResponse` where it is not whole or no JSON; `Spool`.
    pub async fn finish(self) -> Result<Answer, ProviderError> {
        let provider = self.form.provider();
        let taken = self.intake.finish();
        let taken = taken.map_err(|error| error.into_error(provider))?;
        Answer::read(taken, form::places(self.form), &self.mime, provider).await
    }
}

/// Reads an answer that comes as server-sent events, in pieces that are cut anywhere.
///
/// An event may have 16 MiB of JSON and 64 media; all events together 256 MiB of media, and 1024
/// media.
#[derive(Debug)]
pub struct EventReader {
    form: WireForm,
    intake: EventIntake,
    mime: Mime,
}

impl EventReader {
    /// Reads events of this API.
    pub fn new(form: WireForm, receiver: &MediaReceiver) -> Self {
        Self {
            form,
            intake: EventIntake::new(form_of(form), receiver),
            mime: Mime::IMAGE_PNG,
        }
    }

    /// The type of media where neither its bytes nor the event tell one. Default: `image/png`.
    #[must_use]
    pub fn with_declared_mime(mut self, mime: Mime) -> Self {
        self.mime = mime;
        self
    }

    /// Reads on to the end of an event and moves `input` to what is left; `None` when all of it was
    /// read. Events without JSON, as `[DONE]` is, are passed over. A call that is dropped before its
    /// end spoils the answer.
    ///
    /// # Errors
    /// Those of [`AnswerReader`].
    pub async fn next(&mut self, input: &mut &[u8]) -> Result<Option<Answer>, ProviderError> {
        let provider = self.form.provider();
        loop {
            let taken = self.intake.next(input).await;
            let Some(taken) = taken.map_err(|error| error.into_error(provider))? else {
                return Ok(None);
            };
            if matches!(taken.json.trim_ascii(), b"" | b"[DONE]") {
                continue;
            }
            let places = form::places(self.form);
            return Answer::read(taken, places, &self.mime, provider)
                .await
                .map(Some);
        }
    }

    /// Whether everything that was read belongs to events that have ended: else the stream broke
    /// off.
    pub fn is_between_events(&self) -> bool {
        self.intake.is_between()
    }
}
