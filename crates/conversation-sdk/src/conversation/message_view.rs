//! Messages as frontends get them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use conversation_state::{ContextInclusion, TurnStatus};
use conversation_types::{MessageId, Role, TurnId};
use media_types::{ConversationId, MediaType, Mime};
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

/// How long URLs work, by default.
const VALIDITY: Duration = Duration::from_secs(15 * 60);

/// Options of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewOptions {
    pub(super) url_validity: Duration,
    pub(super) include_rejected: bool,
    pub(super) include_tools: bool,
    pub(super) include_reasoning: bool,
    pub(super) include_branches: bool,
    pub(super) thumbnails: Option<u32>,
}

impl Default for ViewOptions {
    fn default() -> Self {
        Self {
            url_validity: VALIDITY,
            include_rejected: false,
            include_tools: true,
            include_reasoning: false,
            include_branches: false,
            thumbnails: None,
        }
    }
}

impl ViewOptions {
    /// Creates the default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long the URLs of media work; at most 7 days. Defaults to 15 minutes.
    #[must_use]
    pub fn with_url_validity(mut self, validity: Duration) -> Self {
        self.url_validity = validity;
        self
    }

    /// Sets that images which are longer than this many pixels have a thumbnail. They are made when they are
    /// first viewed, by the manager's [image fitter](crate::ConversationManagerBuilder::with_image_fitter);
    /// without one there are none. Defaults to no thumbnails.
    #[must_use]
    pub fn with_thumbnails(mut self, longest_side: u32) -> Self {
        self.thumbnails = Some(longest_side);
        self
    }

    /// Sets whether answers are shown that a validator rejected. Defaults to false.
    #[must_use]
    pub fn with_rejected(mut self, include: bool) -> Self {
        self.include_rejected = include;
        self
    }

    /// Sets whether tool calls and their results are shown. Defaults to true.
    #[must_use]
    pub fn with_tools(mut self, include: bool) -> Self {
        self.include_tools = include;
        self
    }

    /// Sets whether the reasoning of models is shown. Defaults to false.
    #[must_use]
    pub fn with_reasoning(mut self, include: bool) -> Self {
        self.include_reasoning = include;
        self
    }

    /// Sets whether messages are shown that were cut off and kept, with the numbers of their
    /// branches. Defaults to false.
    #[must_use]
    pub fn with_branches(mut self, include: bool) -> Self {
        self.include_branches = include;
        self
    }
}

/// A part of a history for a frontend. It serializes; its URLs are secrets until they expire.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ConversationView {
    /// The conversation.
    pub conversation: ConversationId,
    /// The title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The messages, oldest first.
    pub messages: Vec<MessageView>,
    /// What [`view_before`](super::Conversation::view_before) takes to get the messages before
    /// these; `None` at the beginning of the history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A message for a frontend.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct MessageView {
    /// The id.
    pub id: MessageId,
    /// The turn that the message belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn: Option<TurnId>,
    /// The status of the turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn_status: Option<TurnStatus>,
    /// Which messages of the turn models get to see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_context: Option<ContextInclusion>,
    /// The author.
    #[serde(serialize_with = "role")]
    pub role: Role,
    /// Whether the message is whole: `complete`, `partial`, `rejected`.
    pub status: &'static str,
    /// When the message was made.
    pub created_at: DateTime<Utc>,
    /// The branch, for messages that were cut off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<u32>,
    /// The call that a tool's message answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    /// The parts, in order; tool calls last.
    pub parts: Vec<PartView>,
}

/// A part of a message for a frontend.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum PartView {
    /// Text.
    Text(String),
    /// Reasoning of the model.
    Reasoning(String),
    /// A media item.
    #[non_exhaustive]
    Media {
        /// Image, audio, video or document.
        media_type: MediaType,
        /// The MIME type.
        mime: Mime,
        /// The size in bytes, where it is known.
        size: Option<u64>,
        /// The file name.
        name: Option<String>,
        /// A URL under which a frontend gets the bytes, where the store signs any: a secret until
        /// it expires. For other media see [`open_media`](super::Conversation::open_media).
        url: Option<String>,
        /// When the URL stops working.
        url_expires_at: Option<DateTime<Utc>>,
        /// A URL of a smaller image, where the view asks for thumbnails, this one is longer, and the
        /// store signs any. It works as long as `url`.
        thumbnail_url: Option<String>,
    },
    /// A media item that is not there.
    #[non_exhaustive]
    Omitted {
        /// Image, audio, video or document.
        media_type: MediaType,
        /// The name.
        name: String,
        /// The reason, as one word.
        reason: String,
    },
    /// A call of a tool.
    #[non_exhaustive]
    ToolCall {
        /// The id.
        id: String,
        /// The name of the tool.
        name: String,
        /// The arguments, as the model wrote them.
        arguments: String,
    },
    /// Something that this version cannot show.
    Unknown,
}

fn role<S: Serializer>(role: &Role, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(role.as_str())
}

impl Serialize for PartView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut part = serializer.serialize_struct("PartView", 8)?;
        match self {
            Self::Text(text) => {
                part.serialize_field("type", "text")?;
                part.serialize_field("text", text)?;
            }
            Self::Reasoning(text) => {
                part.serialize_field("type", "reasoning")?;
                part.serialize_field("text", text)?;
            }
            Self::Media {
                media_type,
                mime,
                size,
                name,
                url,
                url_expires_at,
                thumbnail_url,
            } => {
                part.serialize_field("type", "media")?;
                part.serialize_field("media_type", &media_type.to_string())?;
                part.serialize_field("mime_type", mime)?;
                part.serialize_field("size", size)?;
                part.serialize_field("name", name)?;
                part.serialize_field("url", url)?;
                part.serialize_field("url_expires_at", url_expires_at)?;
                if thumbnail_url.is_some() {
                    part.serialize_field("thumbnail_url", thumbnail_url)?;
                }
            }
            Self::Omitted {
                media_type,
                name,
                reason,
            } => {
                part.serialize_field("type", "omitted")?;
                part.serialize_field("media_type", &media_type.to_string())?;
                part.serialize_field("name", name)?;
                part.serialize_field("reason", reason)?;
            }
            Self::ToolCall {
                id,
                name,
                arguments,
            } => {
                part.serialize_field("type", "tool_call")?;
                part.serialize_field("id", id)?;
                part.serialize_field("name", name)?;
                part.serialize_field("arguments", arguments)?;
            }
            Self::Unknown => part.serialize_field("type", "unknown")?,
        }
        part.end()
    }
}

impl std::fmt::Debug for PartView {
    /// Prints sizes, never text, arguments or URLs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Reasoning(text) => write!(f, "Reasoning({} bytes)", text.len()),
            Self::Media { mime, size, .. } => write!(f, "Media({mime}, {size:?} bytes)"),
            Self::Omitted { reason, .. } => write!(f, "Omitted({reason})"),
            Self::ToolCall { id, name, .. } => write!(f, "ToolCall({id}, {name})"),
            Self::Unknown => f.write_str("Unknown"),
        }
    }
}
