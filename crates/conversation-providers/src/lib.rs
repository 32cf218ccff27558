//! Providers of large language models whose requests stream media, and whose answers deliver it as
//! it arrives.
//!
//! A [`Provider`] takes a [`ProviderRequest`] and answers with [`ResponseEvent`]s. Media is never
//! loaded for it: messages hold references, the [`MediaContext`] decides in which form each item
//! goes out, and its bytes are read while the request is being sent. Media of an answer goes to a
//! [`MediaSink`](sink::MediaSink) piece by piece.
//!
//! ```
//! use conversation_providers::testing::ScriptedProvider;
//! use conversation_providers::{
//!     MediaContext, Provider, ProviderRequest, ResponseEvent, ResponseMode, StreamAccumulator,
//! };
//! use conversation_types::Message;
//! use futures_util::StreamExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let provider = ScriptedProvider::new().with_answer("Hello!");
//! let messages = [Message::user("Hi")];
//! let request = ProviderRequest::new(&messages).with_mode(ResponseMode::Streaming);
//! let mut events = provider.complete(request, &MediaContext::default()).await?.into_events();
//! let mut answer = StreamAccumulator::new();
//! while let Some(event) = events.next().await {
//!     answer.push(&event?);
//! }
//! assert_eq!(answer.into_message().text(), "Hello!");
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//! No feature is on by default, and without any there is no HTTP client in the build.
//! - `openai`: `OpenAiProvider` for chat completions of OpenAI and compatible servers,
//!   `ResponsesProvider` for its Responses, and `OpenAiImages`
//! - `anthropic`: `AnthropicProvider` for Anthropic's Messages
//! - `gemini`: `GeminiProvider` for Gemini's contents
//! - `http-client`: the core of these providers, for an API of your own ([`api`])
//! - `http`: media at URLs is fetched, as far as the media loader allows it
//! - `images`: `RenditionFitter`, images that fit what models take
//! - `testing`: a provider for tests that answers by a script
//!
//! Nothing here needs a manager of conversations: with a transport of your own, write request
//! bodies with [`body::RequestBody`] and read answers with [`answer::AnswerReader`].
//!
//! The providers over HTTP use HTTP/1.1 or HTTP/2 with rustls and the certificates that the machine
//! trusts. They follow no redirect and use no proxy unless configured. Every answer is read within
//! a limit.

mod accumulator;
#[cfg_attr(
    not(feature = "openai"),
    allow(dead_code, unused_imports, reason = "one API uses all of it")
)]
pub mod answer;
mod anthropic;
pub mod api;
pub mod body;
mod budget;
mod capability;
mod codec;
mod completion;
mod data;
mod error;
pub mod files;
mod format;
mod gemini;
#[cfg(feature = "http-client")]
mod http;
#[cfg(feature = "http-client")]
#[cfg_attr(
    not(feature = "openai"),
    allow(
        dead_code,
        unused_imports,
        unused_macros,
        reason = "one API uses all of it"
    )
)]
mod http_provider;
mod image;
mod kept_answers;
pub mod media;
mod openai;
mod partial_image;
mod pcm;
mod planner;
mod price;
mod provider;
#[cfg(feature = "images")]
mod renditions;
mod request;
mod response;
pub mod sink;
mod template;
#[cfg(feature = "testing")]
pub mod testing;
mod transcript;
mod usage;

pub use accumulator::StreamAccumulator;
#[cfg(feature = "anthropic")]
pub use anthropic::AnthropicProvider;
pub use budget::AttemptBudget;
pub use capability::{ApiCapabilities, Capabilities};
pub use completion::Completion;
pub use data::DataError;
pub use error::{ProviderError, ProviderErrorKind, TimeoutPhase};
pub use format::ApiFormat;
#[cfg(feature = "gemini")]
pub use gemini::GeminiProvider;
pub use image::{GeneratedImages, ImageGenerator, ImageRequest};
pub use kept_answers::{KeptAnswers, RESPONSE_ID};
pub use media::{
    ImageFitter, ImageNeeds, MediaContext, MediaForm, MediaPlan, MediaSendError,
    MediaSendErrorKind, MediaUploads, RequestPlan, RequestPlanner, SignedUrls,
};
#[cfg(feature = "openai")]
pub use openai::{OpenAiImages, OpenAiProvider, ResponsesProvider};
pub use partial_image::PartialImage;
pub use pcm::PcmFormat;
pub use planner::{MemoryPlannerStore, PlannerKey, PlannerState, PlannerStore, RequestOutline};
pub use price::{ModelPrice, PriceTable};
pub use provider::Provider;
#[cfg(feature = "images")]
pub use renditions::RenditionFitter;
pub use request::{ProviderRequest, ResponseMode};
pub use response::{ProviderResponse, ResponseEvent};
pub use usage::{estimate_input, estimate_tokens, usage_of_interrupted};
