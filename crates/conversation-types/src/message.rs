//! Messages.

use chrono::{DateTime, SubsecRound, Utc};
use media_types::MediaContent;
use serde_json::{Map, Value};

use crate::extra::ExtraFields;
use crate::id::{MessageId, TurnId};
use crate::json::RawJson;
use crate::part::{Part, UnknownPart};
use crate::role::Role;
use crate::tool::ToolCall;
use crate::usage::TokenUsage;
use crate::user_message::UserMessage;

/// Whether a message is whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MessageStatus {
    /// It is whole.
    #[default]
    Complete,
    /// It holds what arrived before its turn was interrupted, or what has arrived so far.
    Partial,
    /// It is whole, and a validator rejected it.
    Rejected,
}

impl MessageStatus {
    /// Returns the word that stands for the status in JSON; a complete message has none there.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Rejected => "rejected",
        }
    }
}

/// One message of a conversation. `Debug` prints sizes, never text or bytes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Message {
    /// The id, made before the message is first written.
    pub id: MessageId,
    /// The turn that the message belongs to.
    pub turn: Option<TurnId>,
    /// The author.
    pub role: Role,
    /// Whether the message is whole.
    pub status: MessageStatus,
    /// The parts, in order.
    pub content: Vec<Part>,
    /// Tools that the model calls with this message.
    pub tool_calls: Vec<ToolCall>,
    /// The call that this message answers.
    pub tool_call_id: Option<String>,
    /// When the message was made, to the millisecond.
    pub created_at: DateTime<Utc>,
    /// Application data.
    pub metadata: Map<String, Value>,
    /// What the message consumed.
    pub usage: Option<TokenUsage>,
    /// Fields that this version does not know.
    pub extra: ExtraFields,
}

impl Message {
    /// Creates a message of this moment with a new id.
    pub fn new(role: Role, content: Vec<Part>) -> Self {
        Self {
            id: MessageId::mint(),
            turn: None,
            role,
            status: MessageStatus::Complete,
            content,
            tool_calls: Vec::new(),
            tool_call_id: None,
            // As precise as the JSON, so that a message equals what is read back.
            created_at: Utc::now().trunc_subsecs(3),
            metadata: Map::new(),
            usage: None,
            extra: ExtraFields::default(),
        }
    }

    /// Creates a user's message.
    pub fn user(message: impl Into<UserMessage>) -> Self {
        Self::new(Role::User, message.into().into_parts())
    }

    /// Creates a message of the model.
    pub fn assistant(content: Vec<Part>) -> Self {
        Self::new(Role::Assistant, content)
    }

    /// Creates a tool's answer to a call.
    pub fn tool(tool_call_id: impl Into<String>, content: Vec<Part>) -> Self {
        let mut message = Self::new(Role::Tool, content);
        message.tool_call_id = Some(tool_call_id.into());
        message
    }

    /// Creates a message that this version cannot read. It is written back byte for byte and never
    /// sent.
    pub fn unknown(json: RawJson, reason: impl Into<String>) -> Self {
        let part = Part::Unknown(UnknownPart::new(json, reason));
        Self::new(Role::Unknown, vec![part])
    }

    /// Sets the id. Defaults to a new one.
    #[must_use]
    pub fn with_id(mut self, id: MessageId) -> Self {
        self.id = id;
        self
    }

    /// Sets the turn. Defaults to none.
    #[must_use]
    pub fn with_turn(mut self, turn: TurnId) -> Self {
        self.turn = Some(turn);
        self
    }

    /// Sets whether the message is whole. Defaults to [`MessageStatus::Complete`].
    #[must_use]
    pub fn with_status(mut self, status: MessageStatus) -> Self {
        self.status = status;
        self
    }

    /// Sets the tool calls. Defaults to none.
    #[must_use]
    pub fn with_tool_calls(mut self, calls: Vec<ToolCall>) -> Self {
        self.tool_calls = calls;
        self
    }

    /// Returns the text parts, joined by line ends.
    pub fn text(&self) -> String {
        let texts: Vec<&str> = self.content.iter().filter_map(Part::as_text).collect();
        texts.join("\n")
    }

    /// Returns the media items in order.
    pub fn media(&self) -> impl Iterator<Item = &MediaContent> {
        self.content.iter().filter_map(Part::as_media)
    }

    /// Returns the reason for which this version cannot read the message, if it cannot.
    pub fn unreadable_reason(&self) -> Option<&str> {
        match (self.role, self.content.first()) {
            (Role::Unknown, Some(Part::Unknown(part))) => Some(part.reason()),
            _ => None,
        }
    }
}
