//! Model providers: the trait, what goes in and what comes out.
//!
//! A [`Provider`] is asked with a [`ProviderRequest`] and answers with a [`Reply`]. Media is not
//! part of either: the [`MediaContext`] decides for each medium in which form it goes to the
//! provider ([`MediaPlan`]), by what the provider's API takes ([`Capabilities`], a data file), and
//! its base64 is read from the store while the request is sent. An [`ImageGenerator`] makes
//! pictures. Costs come from a [`PriceTable`], a data file too.
//!
//! The providers over HTTP (feature `openai`: `OpenAiProvider`, `OpenAiImages`) connect by
//! HTTP/1.1 or HTTP/2 with rustls and the certificates that the machine trusts. They follow no
//! redirect and use no proxy, whatever the environment says, unless they are told to
//! (`with_env_proxy`). Every answer is read within a limit.
//!
//! # Map
//! - `media`: the context, the forms and the plan; `note`: notes in place of media
//! - `capability`, `price`: the data files, `data`: what they share
//! - `skeleton`: a request body with holes for media; [`wire`]: what goes around them, per API
//! - [`answer`]: answers whose media is received as it arrives
//! - `http`: client, retries, bodies
//! - `openai`: OpenAI and what speaks its language; `image`: the trait of image models

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use media_types::MediaContent;
use serde_json::{Map, Value};

use crate::message::{Message, Part, ToolCall};
use crate::pack::ToolChoice;
use crate::tool::ToolDefinition;
use crate::usage::{Cost, TokenUsage};

pub mod answer;
mod capability;
mod data;
mod error;
#[cfg(feature = "provider-http")]
#[cfg_attr(
    not(feature = "openai"),
    allow(
        dead_code,
        unused_imports,
        unused_macros,
        reason = "of use to providers only"
    )
)]
mod http;
mod image;
mod media;
mod note;
#[cfg(feature = "openai")]
mod openai;
mod price;
mod skeleton;
pub mod wire;

pub use capability::{ApiCapabilities, Capabilities};
pub use data::DataError;
pub use error::{ProviderError, ProviderErrorKind};
pub use image::{GeneratedImages, ImageGenerator, ImageRequest};
pub use media::{
    MediaContext, MediaForm, MediaPlan, MediaSendError, MediaSendErrorKind, SignedUrls,
};
pub use note::{MediaNote, NoteCause};
#[cfg(feature = "openai")]
pub use openai::{OpenAiImages, OpenAiProvider};
pub use price::PriceTable;

/// A model behind an API.
///
/// A provider receives messages that hold references, never loaded bytes; the [`MediaContext`]
/// opens media when the request body is written and lets go of it as it passes.
///
/// # Contract
/// - Dropping the future or the reply's stream ends the request.
/// - The last event of a reply is [`ReplyEvent::Done`] or an error; a stream that just ends was cut
///   off.
/// - Retries of rate limits and server errors happen inside, before the first event.
#[async_trait]
pub trait Provider: fmt::Debug + Send + Sync + 'static {
    /// The provider's word: `openai`, `anthropic`, `gemini`, ...
    fn name(&self) -> &str;

    /// The model that answers.
    fn model(&self) -> &str;

    /// Asks the model.
    ///
    /// # Errors
    /// [`ProviderError`] with its kind; media that cannot be loaded is no error but a note in the
    /// request.
    async fn respond(
        &self,
        request: ProviderRequest<'_>,
        media: &MediaContext,
    ) -> Result<Reply, ProviderError>;
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
    async fn respond(
        &self,
        request: ProviderRequest<'_>,
        media: &MediaContext,
    ) -> Result<Reply, ProviderError> {
        self.as_ref().respond(request, media).await
    }
}

/// How the answer is to come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Delivery {
    /// At once.
    #[default]
    Whole,
    /// In pieces, as the model writes.
    Deltas,
}

/// What a model is asked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProviderRequest<'a> {
    /// The instructions, if there are any.
    pub system: Option<&'a str>,
    /// The conversation, oldest first.
    pub messages: &'a [Message],
    /// Tools that the model may call.
    pub tools: &'a [ToolDefinition],
    /// Whether it may, must or must not call them; without tools it means nothing.
    pub tool_choice: ToolChoice,
    /// Sampling parameters by their common names: `temperature`, `max_tokens`, `top_p`, ...
    pub parameters: Map<String, Value>,
    /// How the answer is to come.
    pub delivery: Delivery,
}

impl<'a> ProviderRequest<'a> {
    /// A request of these messages.
    pub fn new(messages: &'a [Message]) -> Self {
        Self {
            system: None,
            messages,
            tools: &[],
            tool_choice: ToolChoice::Auto,
            parameters: Map::new(),
            delivery: Delivery::Whole,
        }
    }

    /// Sets the instructions. Default: none.
    #[must_use]
    pub fn with_system(mut self, system: Option<&'a str>) -> Self {
        self.system = system;
        self
    }

    /// Sets the tools. Default: none.
    #[must_use]
    pub fn with_tools(mut self, tools: &'a [ToolDefinition]) -> Self {
        self.tools = tools;
        self
    }

    /// Sets whether tools may, must or must not be called. Default: the model decides.
    #[must_use]
    pub fn with_tool_choice(mut self, choice: ToolChoice) -> Self {
        self.tool_choice = choice;
        self
    }

    /// Sets the sampling parameters. Default: the provider's.
    #[must_use]
    pub fn with_parameters(mut self, parameters: Map<String, Value>) -> Self {
        self.parameters = parameters;
        self
    }

    /// Sets how the answer is to come. Default: at once.
    #[must_use]
    pub fn with_delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }
}

/// An answer as it comes: events, the last of which is [`ReplyEvent::Done`].
pub struct Reply {
    events: BoxStream<'static, Result<ReplyEvent, ProviderError>>,
}

impl Reply {
    /// An answer that comes in pieces.
    pub fn from_events(events: BoxStream<'static, Result<ReplyEvent, ProviderError>>) -> Self {
        Self { events }
    }

    /// An answer that is here already.
    pub fn whole(done: Completion) -> Self {
        let event = Ok(ReplyEvent::Done(Box::new(done)));
        Self::from_events(Box::pin(futures_util::stream::iter([event])))
    }

    /// The events.
    pub fn into_events(self) -> BoxStream<'static, Result<ReplyEvent, ProviderError>> {
        self.events
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").finish_non_exhaustive()
    }
}

/// A piece of an answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ReplyEvent {
    /// More words.
    TextDelta(String),
    /// A medium, complete.
    Media(MediaContent),
    /// The end, with everything.
    Done(Box<Completion>),
}

/// A complete answer.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Completion {
    /// What the model said.
    pub content: Vec<Part>,
    /// Tools that it calls.
    pub tool_calls: Vec<ToolCall>,
    /// Why it stopped.
    pub stop: StopReason,
    /// What it consumed.
    pub usage: Option<TokenUsage>,
    /// What that cost, where the price is known.
    pub cost: Option<Cost>,
    /// Media of the request that was sent as a note instead, and why.
    pub notes: Vec<MediaNote>,
}

impl Completion {
    /// An answer of these parts.
    pub fn new(content: Vec<Part>) -> Self {
        Self {
            content,
            ..Self::default()
        }
    }

    /// Sets the tool calls; the stop reason follows. Default: none.
    #[must_use]
    pub fn with_tool_calls(mut self, calls: Vec<ToolCall>) -> Self {
        if !calls.is_empty() {
            self.stop = StopReason::ToolCalls;
        }
        self.tool_calls = calls;
        self
    }

    /// Sets why the model stopped. Default: [`StopReason::End`].
    #[must_use]
    pub fn with_stop(mut self, stop: StopReason) -> Self {
        self.stop = stop;
        self
    }

    /// Sets usage and cost. Default: unknown.
    #[must_use]
    pub fn with_usage(mut self, usage: Option<TokenUsage>, cost: Option<Cost>) -> Self {
        self.usage = usage;
        self.cost = cost;
        self
    }

    /// Sets which media was sent as a note. Default: none.
    #[must_use]
    pub fn with_notes(mut self, notes: Vec<MediaNote>) -> Self {
        self.notes = notes;
        self
    }
}

/// Why a model stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// It was done.
    #[default]
    End,
    /// It calls tools.
    ToolCalls,
    /// It reached its limit of tokens.
    Length,
    /// It, or a filter, refused; the text, if any, says why.
    Refused,
    /// Something else, in the provider's word.
    Other(String),
}
