//! Code around every question to the model.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use media_types::{ConversationId, SessionId, UserId};
use serde_json::{Map, Value};

use crate::error::ConversationError;
use crate::message::Message;
use crate::pack::ToolChoice;
use crate::provider::{Delivery, MediaContext, Provider, ProviderRequest, Reply};
use crate::tool::ToolDefinition;

/// Code around every question to the model: it may change the question, answer it itself, look at
/// the reply or wrap it, and change what is saved.
///
/// A turn asks the model once for every round of tools. Middleware runs in the order in which it
/// was added, the first outermost. Where media is stored is fixed: after the reply, before the
/// state; middleware cannot come between.
///
/// ```
/// use conversation_sdk::{ConversationError, Middleware, ModelRequest, Next};
/// use conversation_sdk::provider::Reply;
///
/// #[derive(Debug)]
/// struct Polite;
///
/// #[async_trait::async_trait]
/// impl Middleware for Polite {
///     async fn handle(&self, mut request: ModelRequest, next: Next<'_>) -> Result<Reply, ConversationError> {
///         request.system.get_or_insert_default().push_str(" Be polite.");
///         next.run(request).await
///     }
/// }
/// ```
#[async_trait]
pub trait Middleware: fmt::Debug + Send + Sync + 'static {
    /// Handles one question; [`Next::run`] passes it on.
    ///
    /// # Errors
    /// Whatever ends the turn.
    async fn handle(
        &self,
        request: ModelRequest,
        next: Next<'_>,
    ) -> Result<Reply, ConversationError>;

    /// Changes the new messages of a turn before they are saved, after the last reply. Media that
    /// was [received](crate::receive) in this turn is not in the store yet. Default: leaves them as
    /// they are.
    fn before_save(&self, messages: &mut Vec<Message>) {
        let _ = messages;
    }
}

/// A question to the model on its way through the middleware. Its media is references, or inline
/// below the threshold; never loaded bytes of the history.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ModelRequest {
    /// In which conversation.
    pub conversation: ConversationId,
    /// In which session.
    pub session: Option<SessionId>,
    /// For which user.
    pub user: Option<UserId>,
    /// Which question of the turn this is, from 0.
    pub round: u64,
    /// The instructions.
    pub system: Option<String>,
    /// The history within its limits, and the turn so far.
    pub messages: Vec<Message>,
    /// Tools that the model may call.
    pub tools: Vec<ToolDefinition>,
    /// Whether it may, must or must not call them.
    pub tool_choice: ToolChoice,
    /// Sampling parameters by their common names.
    pub parameters: Map<String, Value>,
    /// How the answer is to come.
    pub delivery: Delivery,
}

impl ModelRequest {
    pub(crate) fn new(conversation: ConversationId, messages: Vec<Message>) -> Self {
        Self {
            conversation,
            session: None,
            user: None,
            round: 0,
            system: None,
            messages,
            tools: Vec::new(),
            tool_choice: ToolChoice::Auto,
            parameters: Map::new(),
            delivery: Delivery::Whole,
        }
    }
}

/// What comes after a middleware: the next one, and at last the model.
#[derive(Debug)]
pub struct Next<'a> {
    middleware: &'a [Arc<dyn Middleware>],
    provider: &'a dyn Provider,
    media: &'a MediaContext,
}

impl<'a> Next<'a> {
    pub(crate) fn new(
        middleware: &'a [Arc<dyn Middleware>],
        provider: &'a dyn Provider,
        media: &'a MediaContext,
    ) -> Self {
        Self {
            middleware,
            provider,
            media,
        }
    }

    /// What may be done with the media of the question.
    pub fn media(&self) -> &'a MediaContext {
        self.media
    }

    /// Passes the question on.
    ///
    /// # Errors
    /// Those of what comes after.
    pub async fn run(self, request: ModelRequest) -> Result<Reply, ConversationError> {
        if let Some((first, rest)) = self.middleware.split_first() {
            let next = Next {
                middleware: rest,
                ..self
            };
            return first.handle(request, next).await;
        }
        let question = ProviderRequest::new(&request.messages)
            .with_system(request.system.as_deref())
            .with_tools(&request.tools)
            .with_tool_choice(request.tool_choice)
            .with_parameters(request.parameters)
            .with_delivery(request.delivery);
        Ok(self.provider.respond(question, self.media).await?)
    }
}
