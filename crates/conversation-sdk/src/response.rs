//! The result of a turn.

use conversation_types::{Cost, FinishReason, Message, OmittedMedia, Role, TokenUsage, TurnId};
use media_storage::StorageErrorKind;
use media_types::{ConversationId, MediaContent, Mime};
use serde::Serialize;

use conversation_state::TurnStatus;
use prompt_pack::Violation;

/// The result of a turn: the new messages, and what they consumed. It serializes.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Response {
    pub(crate) conversation: ConversationId,
    pub(crate) turn: TurnId,
    pub(crate) status: TurnStatus,
    pub(crate) messages: Vec<Message>,
    pub(crate) usage: TokenUsage,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cost: Option<Cost>,
    pub(crate) finish: FinishReason,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) omitted_media: Vec<OmittedMedia>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) kept_inline: Vec<InlineFallback>,
    #[serde(skip)]
    pub(crate) violations: Vec<Violation>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) pending: Vec<String>,
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
    pub(crate) fn new(conversation: ConversationId, turn: TurnId, status: TurnStatus) -> Self {
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
            pending: Vec::new(),
        }
    }

    /// Returns the conversation.
    pub fn conversation(&self) -> &ConversationId {
        &self.conversation
    }

    /// Returns the turn.
    pub fn turn(&self) -> &TurnId {
        &self.turn
    }

    /// Returns the status of the turn.
    pub fn status(&self) -> TurnStatus {
        self.status
    }

    /// Returns the text of the answer: that of the model's last message.
    pub fn text(&self) -> String {
        self.messages
            .iter()
            .rfind(|message| message.role == Role::Assistant)
            .map(Message::text)
            .unwrap_or_default()
    }

    /// Returns the media that the model and its tools made, in order: references where it was
    /// stored.
    pub fn media(&self) -> Vec<&MediaContent> {
        self.messages
            .iter()
            .filter(|message| matches!(message.role, Role::Assistant | Role::Tool))
            .flat_map(Message::media)
            .collect()
    }

    /// Returns everything that the turn added to the history: the user's message, tool calls and
    /// their results, the answer.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Returns what the turn consumed: all requests and tools of all attempts.
    pub fn usage(&self) -> TokenUsage {
        self.usage
    }

    /// Returns what the turn cost: the sum of what is known, or nothing where no price is known.
    pub fn cost(&self) -> Option<Cost> {
        self.cost
    }

    /// Returns the reason for which the model stopped.
    pub fn finish(&self) -> &FinishReason {
        &self.finish
    }

    /// Returns the provider that answered last.
    pub fn provider(&self) -> Option<&str> {
        self.provider.as_deref()
    }

    /// Returns the model that answered last.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Returns the media of the history that the model did not get, with the reasons.
    pub fn omitted_media(&self) -> &[OmittedMedia] {
        &self.omitted_media
    }

    /// Returns the media that stays inline although it was to be stored, with the reasons.
    pub fn kept_inline(&self) -> &[InlineFallback] {
        &self.kept_inline
    }

    /// Returns the rules of the prompt that the answer violates without being rejected.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Returns the tokens of tool calls that wait for their results; not empty where the turn is
    /// [suspended](TurnStatus::Suspended).
    pub fn pending(&self) -> &[String] {
        &self.pending
    }
}

impl From<crate::externalize::InlineFallback> for InlineFallback {
    fn from(kept: crate::externalize::InlineFallback) -> Self {
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
