//! The trait of models behind an API.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::error::ProviderError;
use crate::kept_answers::KeptAnswers;
use crate::media::MediaContext;
use crate::request::ProviderRequest;
use crate::response::ProviderResponse;

/// A model behind an API.
///
/// A provider receives messages that hold references, never loaded bytes; the [`MediaContext`]
/// reads media while the request body is being sent. Large opaque data is a reference too: providers
/// here, and [`RequestBody`](crate::body::RequestBody), load that of their own family, the newest first, up to
/// 16 MiB a request.
///
/// # Contract
/// - Dropping the future or the stream of events ends the request.
/// - The last event of a response is [`ResponseEvent::Done`] or an error; whatever came before an
///   error has been an event.
/// - One attempt is taken from the request's budget before each request that is sent. A request is
///   sent again only when no byte of an answer came, and either no connection was made or the status is
///   one of those for which the official clients repeat it. What an attempt may have cost all the same
///   is noted in the budget.
///
/// [`ResponseEvent::Done`]: crate::ResponseEvent::Done
#[async_trait]
pub trait Provider: fmt::Debug + Send + Sync + 'static {
    /// Returns the name of the provider: `openai`, `anthropic`, `gemini`, ...
    fn name(&self) -> &str;

    /// Returns the model that answers where a request names none.
    fn model(&self) -> &str;

    /// Sends a request to the model.
    ///
    /// # Errors
    /// [`ProviderError`] with its kind. Media that cannot be loaded is no error; it is replaced by
    /// a short text and reported in [`Completion::omitted_media`](crate::Completion::omitted_media).
    async fn complete(
        &self,
        request: ProviderRequest<'_>,
        media: &MediaContext,
    ) -> Result<ProviderResponse, ProviderError>;

    /// Returns the answers that the provider keeps, so that they can be deleted with their
    /// conversation. Defaults to none: a provider around another one has to pass this on.
    fn kept_answers(&self) -> Option<&dyn KeptAnswers> {
        None
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: Provider + ?Sized> Provider for Arc<T> {
    fn name(&self) -> &str {
        self.as_ref().name()
    }
    fn model(&self) -> &str {
        self.as_ref().model()
    }
    async fn complete(
        &self,
        request: ProviderRequest<'_>,
        media: &MediaContext,
    ) -> Result<ProviderResponse, ProviderError> {
        self.as_ref().complete(request, media).await
    }
    fn kept_answers(&self) -> Option<&dyn KeptAnswers> {
        self.as_ref().kept_answers()
    }
}
