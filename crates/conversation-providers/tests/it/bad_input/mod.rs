//! What servers and callers get wrong, at every API: each a typed error that says what to do.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use conversation_providers::{
    AnthropicProvider, Completion, GeminiProvider, ImageGenerator, ImageRequest, MediaContext,
    OpenAiImages, OpenAiProvider, Provider, ProviderError, ProviderErrorKind as Kind,
    ProviderRequest, ProviderResponse, ResponseMode, ResponsesProvider,
};
use conversation_types::{Message, Part};
use serde_json::{Value, json};

use crate::asking::{events, message_of};
use crate::peer::{self, Act, Peer};

mod calls;
mod images;
mod refused;
mod refused_many;
mod refused_words;
mod servers;
mod streams;
mod tables;

pub(super) const KEY: &str = "key-of-the-test-0123456789";
const MODES: [ResponseMode; 2] = [ResponseMode::Complete, ResponseMode::Streaming];
/// Those of conversations.
const APIS: [Api; 4] = [Api::Chat, Api::Responses, Api::Anthropic, Api::Gemini];
const ALL: [Api; 5] = [
    Api::Chat,
    Api::Responses,
    Api::Anthropic,
    Api::Gemini,
    Api::Images,
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Api {
    Chat,
    Responses,
    Anthropic,
    Gemini,
    Images,
}

/// The images endpoint, asked as a model is: the text is the prompt, images are to be edited, and the answer
/// is what was made.
#[derive(Debug)]
struct Painter(OpenAiImages);

#[async_trait]
impl Provider for Painter {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn model(&self) -> &str {
        self.0.model()
    }

    async fn complete(
        &self,
        request: ProviderRequest<'_>,
        media: &MediaContext,
    ) -> Result<ProviderResponse, ProviderError> {
        let asked = &request.messages[0];
        let asked = asked
            .media()
            .fold(ImageRequest::new(asked.text()), |all, image| {
                all.with_image(image.clone())
            });
        let asked = asked.with_media(media.clone()).with_budget(request.budget);
        let made = self
            .0
            .clone()
            .with_mode(request.mode)
            .generate(asked)
            .await?;
        let parts = made.images.into_iter().map(Part::Media).collect();
        Ok(ProviderResponse::complete(Completion::new(parts)))
    }
}

impl Api {
    /// A provider of this API at an address.
    fn at(self, url: &str) -> Arc<dyn Provider> {
        macro_rules! tried {
            ($provider:expr) => {
                Arc::new(
                    $provider
                        .with_base_url(url)
                        .with_backoff(Duration::from_millis(1), Duration::from_millis(2))
                        .with_first_byte_timeout(peer::LONG)
                        .with_idle_timeout(peer::LONG),
                )
            };
        }
        match self {
            Self::Chat => tried!(OpenAiProvider::new(KEY, "m")),
            Self::Responses => tried!(ResponsesProvider::new(KEY, "m")),
            Self::Anthropic => tried!(AnthropicProvider::new(KEY, "m")),
            Self::Gemini => tried!(GeminiProvider::new(KEY, "m").with_api_version("")),
            Self::Images => {
                let images = OpenAiImages::new(KEY, "m").with_base_url(url);
                let (tick, longest) = (Duration::from_millis(1), Duration::from_millis(2));
                let images = images.with_backoff(tick, longest);
                let images = images.with_first_byte_timeout(peer::LONG);
                Arc::new(Painter(images.with_idle_timeout(peer::LONG)))
            }
        }
    }

    /// The error of a status in the words of this API.
    fn error(self, status: u16, code: &str) -> Value {
        match self {
            Self::Anthropic => {
                json!({"type": "error", "error": {"type": code, "message": "my diary"}})
            }
            Self::Gemini => {
                json!({"error": {"code": status, "status": code, "message": "my diary"}})
            }
            _ => {
                json!({"error": {"message": "my diary", "type": "t", "param": null, "code": code}})
            }
        }
    }
}

/// What ends a request to a peer that acts once, and how often it was asked.
async fn failure(
    api: Api,
    mode: ResponseMode,
    acts: impl IntoIterator<Item = Act>,
) -> (ProviderError, usize) {
    let peer = Peer::start(acts).await;
    let error = failure_at(api, mode, &peer.url()).await;
    (error, peer.received().len())
}

async fn failure_at(api: Api, mode: ResponseMode, url: &str) -> ProviderError {
    let provider = api.at(url);
    let error = match events(&*provider, &[Message::user("hi")], mode).await {
        Err(error) => error,
        Ok(events) => match events.into_iter().last() {
            Some(Err(error)) => error,
            other => panic!("{api:?} {mode:?}: {other:?}"),
        },
    };
    let printed = format!("{error} {error:?}");
    assert!(
        !printed.contains(KEY) && !printed.contains("diary"),
        "{printed}"
    );
    error
}
