//! The provider that answers by a script.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use conversation_types::{Message, ToolChoice, ToolDefinition};
use futures_util::stream;
use serde_json::{Map, Value};
use tokio::sync::watch;

use super::answer::{ScriptedAnswer, Step};
use super::playback::Playback;
use crate::error::{ProviderError, ProviderErrorKind};
use crate::media::MediaContext;
use crate::provider::Provider;
use crate::request::{ProviderRequest, ResponseMode};
use crate::response::{ProviderResponse, ResponseEvent};

/// A provider for tests that answers each request with the next answer of a script, and keeps the
/// requests. Clones share everything.
#[derive(Clone)]
pub struct ScriptedProvider {
    name: String,
    model: String,
    shared: Arc<Shared>,
}

type Handler = dyn Fn(&RecordedRequest) -> ScriptedAnswer + Send + Sync;

struct Shared {
    answers: Mutex<VecDeque<ScriptedAnswer>>,
    handler: Mutex<Option<Arc<Handler>>>,
    requests: Mutex<Vec<RecordedRequest>>,
    count: watch::Sender<usize>,
}

/// A request that a [`ScriptedProvider`] was sent. `Debug` prints sizes, never text.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// The model that was asked for, where it was not the provider's own.
    pub model: Option<String>,
    /// The system prompt.
    pub system: Option<String>,
    /// The messages.
    pub messages: Vec<Message>,
    /// The tools.
    pub tools: Vec<ToolDefinition>,
    /// Whether tools could, had to or could not be called.
    pub tool_choice: ToolChoice,
    /// The parameters.
    pub parameters: Map<String, Value>,
    /// Whether the answer was to arrive at once or in pieces.
    pub mode: ResponseMode,
}

impl ScriptedProvider {
    /// Creates a provider named `scripted` with the model `scripted-1` and no answers.
    pub fn new() -> Self {
        Self {
            name: "scripted".to_owned(),
            model: "scripted-1".to_owned(),
            shared: Arc::new(Shared {
                answers: Mutex::default(),
                handler: Mutex::default(),
                requests: Mutex::default(),
                count: watch::Sender::new(0),
            }),
        }
    }

    /// Sets the name of the provider. Defaults to `scripted`.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the model. Defaults to `scripted-1`.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<String>) -> Self {
        self.model = model.into();
        self
    }

    /// Adds the answer to the next request.
    #[must_use]
    pub fn with_answer(self, answer: impl Into<ScriptedAnswer>) -> Self {
        self.push(answer);
        self
    }

    /// Sets what answers requests that no answer was added for. Defaults to an error.
    #[must_use]
    pub fn with_handler(
        self,
        handler: impl Fn(&RecordedRequest) -> ScriptedAnswer + Send + Sync + 'static,
    ) -> Self {
        *lock(&self.shared.handler) = Some(Arc::new(handler));
        self
    }

    /// Adds the answer to the next request, also while the provider is in use.
    pub fn push(&self, answer: impl Into<ScriptedAnswer>) {
        lock(&self.shared.answers).push_back(answer.into());
    }

    /// Returns the requests so far.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.shared.requests).clone()
    }

    /// Returns the number of requests so far.
    pub fn request_count(&self) -> usize {
        *self.shared.count.borrow()
    }

    /// Waits until a number of requests have arrived.
    pub async fn arrived(&self, requests: usize) {
        let mut count = self.shared.count.subscribe();
        // The sender lives as long as this provider.
        let _ = count.wait_for(|count| *count >= requests).await;
    }

    fn record(&self, request: &ProviderRequest<'_>) -> RecordedRequest {
        let recorded = RecordedRequest {
            model: request.model.map(ToOwned::to_owned),
            system: request.system.map(ToOwned::to_owned),
            messages: request.messages.to_vec(),
            tools: request.tools.to_vec(),
            tool_choice: request.tool_choice.clone(),
            parameters: request.parameters.clone(),
            mode: request.mode,
        };
        lock(&self.shared.requests).push(recorded.clone());
        self.shared.count.send_modify(|count| *count += 1);
        recorded
    }

    fn answer_to(&self, request: &RecordedRequest) -> Result<ScriptedAnswer, ProviderError> {
        if let Some(answer) = lock(&self.shared.answers).pop_front() {
            return Ok(answer);
        }
        let handler = lock(&self.shared.handler).clone();
        handler.map(|handler| handler(request)).ok_or_else(|| {
            ProviderError::new(ProviderErrorKind::Other, &self.name)
                .with_reason("the script has no answer for this request")
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Provider for ScriptedProvider {
    fn name(&self) -> &str {
        &self.name
    }

    fn model(&self) -> &str {
        &self.model
    }

    async fn complete(
        &self,
        request: ProviderRequest<'_>,
        media: &MediaContext,
    ) -> Result<ProviderResponse, ProviderError> {
        if !request.budget.try_take() {
            return Err(ProviderError::new(
                ProviderErrorKind::AttemptsExhausted,
                &self.name,
            ));
        }
        let recorded = self.record(&request);
        let mut answer = self.answer_to(&recorded)?;
        if let Some(Step::Fail(_)) = answer.steps.first()
            && let Step::Fail(error) = answer.steps.remove(0)
        {
            return Err(error);
        }
        let model = recorded.model.unwrap_or_else(|| self.model.clone());
        let mut playback = Playback::new(answer, media.sink().clone(), self.name.clone(), model);
        if request.mode == ResponseMode::Streaming {
            let events = stream::unfold(playback, |mut playback| async move {
                let event = playback.next().await?;
                Some((event, playback))
            });
            return Ok(ProviderResponse::from_events(Box::pin(events)));
        }
        while let Some(event) = playback.next().await {
            if let ResponseEvent::Done(completion) = event? {
                return Ok(ProviderResponse::complete(*completion));
            }
        }
        Err(ProviderError::new(
            ProviderErrorKind::Interrupted,
            &self.name,
        ))
    }
}

impl Default for ScriptedProvider {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ScriptedProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedProvider")
            .field("name", &self.name)
            .field("model", &self.model)
            .field("requests", &self.request_count())
            .finish_non_exhaustive()
    }
}
