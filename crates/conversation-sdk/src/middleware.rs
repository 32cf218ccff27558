//! Code around every request to a model.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use conversation_events::{ConversationError, ConversationErrorKind};
use conversation_providers::{
    MediaContext, Provider, ProviderRequest, ProviderResponse, ResponseMode,
};
use conversation_types::{Message, ToolChoice, ToolDefinition, TurnId};
use futures_util::FutureExt;
use media_types::{ConversationId, SessionId, UserId};
use serde_json::{Map, Value};

use crate::provider_set::Providers;

/// Code around every request to a model: it may change the request, answer it itself, look at the
/// response or wrap it, route it to another provider, and change what is saved.
///
/// A turn asks the model once for every round of tools. Middleware runs in the order in which it
/// was added, the first outermost. Media is stored after the response and before the state is
/// written; middleware cannot come between.
///
/// ```
/// use conversation_sdk::{ConversationError, Middleware, ModelRequest, Next, ProviderResponse};
///
/// #[derive(Debug)]
/// struct Polite;
///
/// #[async_trait::async_trait]
/// impl Middleware for Polite {
///     async fn handle(
///         &self,
///         mut request: ModelRequest,
///         next: Next<'_>,
///     ) -> Result<ProviderResponse, ConversationError> {
///         request.system.get_or_insert_default().push_str(" Be polite.");
///         next.run(request).await
///     }
/// }
/// ```
#[async_trait]
pub trait Middleware: fmt::Debug + Send + Sync + 'static {
    /// Handles one request; [`Next::run`] passes it on.
    ///
    /// # Errors
    /// Whatever ends the turn.
    async fn handle(
        &self,
        request: ModelRequest,
        next: Next<'_>,
    ) -> Result<ProviderResponse, ConversationError> {
        next.run(request).await
    }

    /// Changes new messages before they are written, every message before every write: a partial
    /// answer that is written several times comes by each time. Defaults to leaving them as they
    /// are.
    ///
    /// # Errors
    /// Whatever ends the turn; nothing of these messages is written then.
    async fn before_save(&self, messages: &mut Vec<Message>) -> Result<(), ConversationError> {
        let _ = messages;
        Ok(())
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: Middleware + ?Sized> Middleware for Arc<T> {
    async fn handle(
        &self,
        request: ModelRequest,
        next: Next<'_>,
    ) -> Result<ProviderResponse, ConversationError> {
        self.as_ref().handle(request, next).await
    }
    async fn before_save(&self, messages: &mut Vec<Message>) -> Result<(), ConversationError> {
        self.as_ref().before_save(messages).await
    }
}

/// A request to a model on its way through the middleware. Its media is references, or inline below
/// the threshold; never loaded bytes of the history. `Debug` prints sizes.
#[derive(Clone)]
#[non_exhaustive]
pub struct ModelRequest {
    /// The conversation.
    pub conversation: ConversationId,
    /// The session.
    pub session: Option<SessionId>,
    /// The user.
    pub user: Option<UserId>,
    /// The turn.
    pub turn: TurnId,
    /// The number of the request within the turn, from 0.
    pub round: u64,
    /// The name of the provider; `None` for the manager's default.
    pub provider: Option<String>,
    /// The model; `None` for the provider's own.
    pub model: Option<String>,
    /// The instructions.
    pub system: Option<String>,
    /// The history within its limits, and the turn so far.
    pub messages: Vec<Message>,
    /// Tools that the model may call.
    pub tools: Vec<ToolDefinition>,
    /// Whether the model may, must or must not call tools.
    pub tool_choice: ToolChoice,
    /// Parameters by their common names: `temperature`, `max_tokens`, ...
    pub parameters: Map<String, Value>,
    /// Whether the response comes at once or in pieces.
    pub mode: ResponseMode,
    pub(crate) budget: conversation_providers::AttemptBudget,
}

impl fmt::Debug for ModelRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelRequest")
            .field("conversation", &self.conversation)
            .field("turn", &self.turn)
            .field("round", &self.round)
            .field("provider", &self.provider)
            .field("model", &self.model)
            .field("messages", &self.messages.len())
            .field("tools", &self.tools.len())
            .finish_non_exhaustive()
    }
}

/// What comes after a middleware: the next one, and at last the provider.
#[derive(Debug)]
pub struct Next<'a> {
    middleware: &'a [Arc<dyn Middleware>],
    providers: &'a Providers,
    media: &'a MediaContext,
}

impl<'a> Next<'a> {
    pub(crate) fn new(
        middleware: &'a [Arc<dyn Middleware>],
        providers: &'a Providers,
        media: &'a MediaContext,
    ) -> Self {
        Self {
            middleware,
            providers,
            media,
        }
    }

    /// Returns what may be done with the media of the request.
    pub fn media(&self) -> &'a MediaContext {
        self.media
    }

    /// Passes the request on.
    ///
    /// # Errors
    /// Those of what comes after; `Config` for a provider that the manager does not have.
    pub async fn run(self, request: ModelRequest) -> Result<ProviderResponse, ConversationError> {
        if let Some((first, rest)) = self.middleware.split_first() {
            let next = Next {
                middleware: rest,
                ..self
            };
            let handled = AssertUnwindSafe(async { first.handle(request, next).await });
            let handled = handled.catch_unwind().await;
            return handled.unwrap_or_else(|_| Err(panicked(format!("the middleware {first:?}"))));
        }
        let provider = self
            .providers
            .get(request.provider.as_deref())
            .ok_or_else(|| {
                ConversationError::new(ConversationErrorKind::Config)
                    .with_detail("no provider of this name")
                    .with_hint("Give the manager the provider with `with_named_provider`")
            })?;
        let question = ProviderRequest::new(&request.messages)
            .with_system(request.system.as_deref())
            .with_tools(&request.tools)
            .with_tool_choice(request.tool_choice)
            .with_parameters(request.parameters)
            .with_model(request.model.as_deref())
            .with_mode(request.mode)
            .with_budget(request.budget);
        let asked = AssertUnwindSafe(async { provider.complete(question, self.media).await });
        match asked.catch_unwind().await {
            Ok(response) => Ok(response?),
            Err(_) => Err(panicked(format!("the provider {}", provider.name()))),
        }
    }
}

/// The error of code of the user that panicked.
pub(crate) fn panicked(what: impl Into<String>) -> ConversationError {
    ConversationError::new(ConversationErrorKind::Panicked).with_detail(what.into())
}
