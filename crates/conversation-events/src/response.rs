//! The result of a turn.

use std::sync::Arc;

use conversation_providers::sink::ReceivedMedia;
use conversation_state::TurnStatus;
use conversation_types::{Cost, FinishReason, Message, OmittedMedia, Role, TokenUsage, TurnId};
use media_storage::StorageErrorKind;
use media_types::{ConversationId, MediaContent, Mime};
use prompt_pack::Violation;
use serde::Serialize;

/// The result of a turn: the new messages, and what they consumed. It serializes.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Response(ResponseParts);

/// What a [`Response`] is made of.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ResponseParts {
    /// The conversation.
    pub conversation: ConversationId,
    /// The turn.
    pub turn: TurnId,
    /// The status of the turn.
    pub status: TurnStatus,
    /// What the turn added to the history, oldest first.
    pub messages: Vec<Message>,
    /// What all attempts consumed.
    pub usage: TokenUsage,
    /// What they cost, where prices are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// Why the model stopped.
    pub finish: FinishReason,
    /// The provider that answered last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The model that answered last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Media that the model did not get, or that was not kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub omitted_media: Vec<OmittedMedia>,
    /// Media that stays inline although it was to be stored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept_inline: Vec<InlineFallback>,
    /// Rules of the prompt that the answer violates without being rejected.
    #[serde(skip)]
    pub violations: Vec<Violation>,
    /// Whether media of the answer is still being stored, and the state does not have the answer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_storing: bool,
    /// What keeps such media readable as long as the response is held.
    #[serde(skip)]
    pub received: Option<Arc<ReceivedMedia>>,
    /// The tokens of calls that wait for their results.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<String>,
}

impl ResponseParts {
    /// Creates the parts of a response without messages.
    pub fn new(conversation: ConversationId, turn: TurnId, status: TurnStatus) -> Self {
        Self {
            conversation,
            turn,
            status,
            messages: Vec::new(),
            usage: TokenUsage::default(),
            cost: None,
            finish: FinishReason::default(),
            provider: None,
            model: None,
            omitted_media: Vec::new(),
            kept_inline: Vec::new(),
            violations: Vec::new(),
            is_storing: false,
            received: None,
            pending: Vec::new(),
        }
    }
}

impl From<ResponseParts> for Response {
    fn from(parts: ResponseParts) -> Self {
        Self(parts)
    }
}

/// A media item that stays inline although it was to be stored, and the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct InlineFallback {
    /// The position of the message in the conversation, from 0.
    pub message_index: u64,
    /// The position of the part in the message, from 0.
    pub content_index: u64,
    /// The MIME type.
    pub mime: Mime,
    /// The size in bytes, where it is known.
    pub size: Option<u64>,
    /// What the store reported; `None` where the media could not be read.
    #[serde(skip)]
    pub storage_error: Option<StorageErrorKind>,
    /// The reason, in one sentence.
    pub reason: String,
}

impl Response {
    /// Returns the parts, to change or take them.
    pub fn into_parts(self) -> ResponseParts {
        self.0
    }

    /// Returns the conversation.
    pub fn conversation(&self) -> &ConversationId {
        &self.0.conversation
    }

    /// Returns the turn.
    pub fn turn(&self) -> &TurnId {
        &self.0.turn
    }

    /// Returns the status of the turn.
    pub fn status(&self) -> TurnStatus {
        self.0.status
    }

    /// Returns the text of the answer: that of the model's last message.
    pub fn text(&self) -> String {
        self.0
            .messages
            .iter()
            .rfind(|message| message.role == Role::Assistant)
            .map(Message::text)
            .unwrap_or_default()
    }

    /// Returns the media that the model and its tools made, in order: references where it was
    /// stored.
    pub fn media(&self) -> Vec<&MediaContent> {
        self.0
            .messages
            .iter()
            .filter(|message| matches!(message.role, Role::Assistant | Role::Tool))
            .flat_map(Message::media)
            .collect()
    }

    /// Returns everything that the turn added to the history: the user's message, tool calls and
    /// their results, the answer.
    pub fn messages(&self) -> &[Message] {
        &self.0.messages
    }

    /// Returns what the turn consumed: all requests and tools of all attempts.
    pub fn usage(&self) -> TokenUsage {
        self.0.usage
    }

    /// Returns what the turn cost: the sum of what is known, or nothing where no price is known.
    pub fn cost(&self) -> Option<Cost> {
        self.0.cost
    }

    /// Returns the reason for which the model stopped.
    pub fn finish(&self) -> &FinishReason {
        &self.0.finish
    }

    /// Returns the provider that answered last.
    pub fn provider(&self) -> Option<&str> {
        self.0.provider.as_deref()
    }

    /// Returns the model that answered last.
    pub fn model(&self) -> Option<&str> {
        self.0.model.as_deref()
    }

    /// Returns the media of the history that the model did not get, with the reasons.
    pub fn omitted_media(&self) -> &[OmittedMedia] {
        &self.0.omitted_media
    }

    /// Returns the media that stays inline although it was to be stored, with the reasons.
    pub fn kept_inline(&self) -> &[InlineFallback] {
        &self.0.kept_inline
    }

    /// Returns the rules of the prompt that the answer violates without being rejected.
    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    /// Returns whether media of the answer is still being stored, as it can be with
    /// `Externalization::Background`. Its references can be read by the conversation's `open_media`
    /// as long as this response is held. The conversation's `flush` waits until the history has the
    /// answer, with references that last.
    pub fn is_storing(&self) -> bool {
        self.0.is_storing
    }

    /// Returns the tokens of tool calls that wait for their results; not empty where the turn is
    /// [suspended](TurnStatus::Suspended).
    pub fn pending(&self) -> &[String] {
        &self.0.pending
    }
}

impl From<conversation_externalizer::InlineFallback> for InlineFallback {
    fn from(kept: conversation_externalizer::InlineFallback) -> Self {
        Self {
            message_index: kept.message_index,
            content_index: kept.content_index,
            mime: kept.mime,
            size: kept.size,
            storage_error: kept.storage_error,
            reason: kept.reason,
        }
    }
}
