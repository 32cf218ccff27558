//! What an API consists of.

use std::fmt;

use conversation_types::{OmittedMedia, TokenUsage};
use reqwest::header::HeaderMap;
use serde_json::{Map, Value};

use super::assembly::Events;
use super::refusal::Refusal;
use super::unwanted::Forget;
use crate::answer::{Decoded, JsonPath};
use crate::codec::FormatSpec;
use crate::completion::Completion;
use crate::error::ProviderError;
use crate::http::{HttpClient, HttpSettings};
use crate::media::MediaPlan;
use crate::price::PriceTable;
use crate::request::ResponseMode;
use crate::sink::MediaSink;

/// An API: where its requests go, how its answers are read, and what its errors mean. The bodies of
/// its requests and the media of its answers follow from its format.
pub(crate) trait Api: Clone + fmt::Debug + Send + Sync + 'static {
    /// Reads its answers.
    type Decoder: AnswerDecoder;

    /// The name of the provider.
    const NAME: &'static str;

    /// The JSON of its requests and answers.
    const FORMAT: &'static FormatSpec;

    /// Returns where a request goes, below the base URL.
    fn endpoint(&self, model: &str, mode: ResponseMode) -> Endpoint;

    /// Returns headers that a request by a plan needs, in place of those of the settings.
    fn headers(&self, _: &HttpSettings, _: &MediaPlan) -> HeaderMap {
        HeaderMap::new()
    }

    /// Returns what an answer with an error status means for the request.
    fn refusal(&self, settings: &HttpSettings, failed: &FailedResponse<'_>) -> Refusal;

    /// Returns what forgets the answer to a request with these parameters; `None` where the provider keeps
    /// none.
    fn forget(&self, _: &HttpClient, _: &Map<String, Value>) -> Option<Forget> {
        None
    }
}

/// A path below the base URL, and a query.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) path: Vec<String>,
    pub(crate) query: Option<(&'static str, &'static str)>,
}

/// An answer with an error status, and the request that it answers.
pub(crate) struct FailedResponse<'a> {
    pub(crate) status: u16,
    pub(crate) headers: &'a HeaderMap,
    /// The start of the body.
    pub(crate) body: &'a [u8],
    pub(crate) plan: &'a MediaPlan,
    /// Returns the media at a path of the request's JSON, and below it.
    pub(crate) media_at: &'a (dyn Fn(&[&str]) -> Vec<usize> + Sync),
}

/// Turns an answer, complete or in pieces, into events, and puts it together.
pub(crate) trait AnswerDecoder: Send + Sized + 'static {
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
