//! What an API consists of.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use conversation_types::{OmittedMedia, TokenUsage};
use reqwest::header::HeaderMap;

use super::assembly::Events;
use super::refusal::Refusal;
use crate::answer::{Decoded, JsonPath};
use crate::capability::{ApiCapabilities, Capabilities};
use crate::completion::Completion;
use crate::error::{ProviderError, ProviderErrorKind};
use crate::format::ApiFormat;
use crate::http::{HttpSettings, kind_of_status, with_headers};
use crate::media::MediaPlan;
use crate::price::PriceTable;
use crate::request::ResponseMode;
use crate::sink::MediaSink;

/// An API: where its requests go, how its answers are read, and what its errors mean. The bodies of
/// its requests and the media of its answers follow from its format.
pub trait Api: Clone + fmt::Debug + Send + Sync + 'static {
    /// Reads its answers.
    type Decoder: AnswerDecoder;

    /// The name of the provider.
    const NAME: &'static str;

    /// The JSON of its requests and answers.
    const FORMAT: ApiFormat;

    /// The default base URL, below which its endpoints are.
    const BASE_URL: &'static str;

    /// The header that carries the key; `None` sends it as a bearer token.
    const KEY_HEADER: Option<&'static str> = None;

    /// The longest wait that the provider may ask for before a request is sent again, unless the
    /// provider is configured otherwise.
    const MAX_RETRY_AFTER: Duration = Duration::from_secs(120);

    /// Returns where a request goes, below the base URL.
    fn endpoint(&self, model: &str, mode: ResponseMode) -> Endpoint;

    /// Returns what the API accepts, unless the provider is configured otherwise. Defaults to its entry
    /// of the built-in file; an API without an entry accepts no media.
    fn capabilities(&self) -> Arc<ApiCapabilities> {
        let entry = Capabilities::builtin().api(Self::FORMAT.capability_name());
        entry.unwrap_or_default()
    }

    /// Returns headers that a request by a plan needs, in place of those of the settings. Defaults to
    /// none.
    fn headers(&self, _: &HttpSettings, _: &MediaPlan) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Returns what an answer with an error status means for the request.
    fn refusal(&self, settings: &HttpSettings, failed: &FailedResponse<'_>) -> Refusal;
}

/// A path below the base URL, and a query.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub(crate) path: Vec<String>,
    pub(crate) query: Option<(&'static str, &'static str)>,
}

impl Endpoint {
    /// Creates an endpoint of the segments of its path.
    pub fn new<S: Into<String>>(path: impl IntoIterator<Item = S>) -> Self {
        Self {
            path: path.into_iter().map(Into::into).collect(),
            query: None,
        }
    }

    /// Sets a parameter of the query. Defaults to none.
    #[must_use]
    pub fn with_query(mut self, name: &'static str, value: &'static str) -> Self {
        self.query = Some((name, value));
        self
    }
}

/// An answer with an error status, and the request that it answers. `Debug` prints the status, never the
/// body.
pub struct FailedResponse<'a> {
    pub(crate) status: u16,
    pub(crate) headers: &'a HeaderMap,
    /// The start of the body.
    pub(crate) body: &'a [u8],
    pub(crate) plan: &'a MediaPlan,
    /// Returns the media at a path of the request's JSON, and below it.
    pub(crate) media_at: &'a (dyn Fn(&[&str]) -> Vec<usize> + Sync),
}

impl FailedResponse<'_> {
    /// Returns the status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Returns the kind of error that the status stands for where nothing more is known.
    pub fn kind(&self) -> ProviderErrorKind {
        kind_of_status(self.status)
    }

    /// Returns the body, the first 64 KiB of it.
    pub fn body(&self) -> &[u8] {
        self.body
    }

    /// Returns the forms of the request's media.
    pub fn plan(&self) -> &MediaPlan {
        self.plan
    }

    /// Returns the media items at a path of keys and indexes in the request's JSON, and below it.
    pub fn media_at(&self, path: &[&str]) -> Vec<usize> {
        (self.media_at)(path)
    }

    /// Creates an error of a kind, with the status and what the headers say: request id, wait, and whether
    /// to send again.
    pub fn error(&self, settings: &HttpSettings, kind: ProviderErrorKind) -> ProviderError {
        let error = settings.error(kind).with_status(self.status);
        with_headers(error, self.headers)
    }
}

impl fmt::Debug for FailedResponse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailedResponse")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// Turns an answer, complete or in pieces, into events, and puts it together.
pub trait AnswerDecoder: Send + Sized + 'static {
    /// Creates a decoder of an answer to a request whose input was estimated; media that the JSON
    /// has in pieces goes to the sink.
    fn new(input: TokenUsage, sink: &MediaSink) -> Self;

    /// Takes the data of one event, or a complete answer, and adds the events that it makes.
    ///
    /// # Errors
    /// `InvalidResponse` for what the API does not promise, or is too large; the error that the
    /// server put into its answer; `Spool`.
    fn push(
        &mut self,
        settings: &HttpSettings,
        max_answer: usize,
        decoded: &mut Decoded,
        events: &mut Events,
    ) -> impl Future<Output = Result<(), ProviderError>> + Send;

    /// Adds the events of what came of an answer that goes no further, after the last event that was
    /// taken: media that was still arriving.
    fn cut(&mut self, _: &HttpSettings, _: &mut Events) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Returns where the events that follow have media, unless that is always the same.
    fn media_paths(&self) -> Option<&'static [JsonPath]> {
        None
    }

    /// Returns whether the server said that there is no more.
    fn has_ended(&self) -> bool;

    /// Returns whether the answer is complete: the server said so, or why the model stopped.
    fn is_complete(&self) -> bool;

    /// Returns the answer, after the events that were still held back.
    fn finish(
        self,
        model: &str,
        prices: &PriceTable,
        omitted: Vec<OmittedMedia>,
        events: &mut Events,
    ) -> Completion;
}
