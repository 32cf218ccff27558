//! Messages and their parts, with the JSON in which they are kept.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use media_types::MediaContent;
use serde::de::Deserializer;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::usage::TokenUsage;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// The instructions.
    System,
    /// The user.
    User,
    /// The model.
    Assistant,
    /// A tool, answering a call of the model.
    Tool,
}

/// One piece of a message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Part {
    /// Words.
    Text(String),
    /// Media, inline or elsewhere.
    Media(MediaContent),
    /// A piece of stored history that does not read; it is kept as it is; a model is told
    /// only that something is there.
    Unreadable(UnreadablePart),
}

/// JSON that is no part known here, kept byte for byte.
#[derive(Clone)]
pub struct UnreadablePart {
    json: Box<RawValue>,
    reason: String,
}

impl UnreadablePart {
    /// The JSON as it was read.
    pub fn json(&self) -> &str {
        self.json.get()
    }

    /// Why it does not read.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The same piece with other JSON.
    ///
    /// # Errors
    /// Text that is no JSON.
    pub fn with_json(mut self, json: String) -> Result<Self, serde_json::Error> {
        self.json = RawValue::from_string(json)?;
        Ok(self)
    }
}

impl fmt::Debug for UnreadablePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnreadablePart({} bytes)", self.json.get().len())
    }
}

impl Part {
    /// The words, if these are words.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The media, if this is media.
    pub fn as_media(&self) -> Option<&MediaContent> {
        match self {
            Self::Media(media) => Some(media),
            _ => None,
        }
    }
}

impl From<&str> for Part {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Part {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<MediaContent> for Part {
    fn from(media: MediaContent) -> Self {
        Self::Media(media)
    }
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Text<'a> {
            r#type: &'static str,
            text: &'a str,
        }
        match self {
            Self::Text(text) => Text {
                r#type: "text",
                text,
            }
            .serialize(serializer),
            Self::Media(media) => media.serialize(serializer),
            Self::Unreadable(part) => part.json.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Part {
    /// Reads from JSON text only. Never fails on well-formed JSON: what is no part becomes
    /// [`Part::Unreadable`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Head<'a> {
            #[serde(borrow, default)]
            r#type: Option<std::borrow::Cow<'a, str>>,
            #[serde(default)]
            text: Option<Value>,
        }
        let json = <&'de RawValue>::deserialize(deserializer)?;
        let read = || -> Result<Self, String> {
            let head: Head<'_> = serde_json::from_str(json.get()).map_err(|e| e.to_string())?;
            if head.r#type.as_deref() == Some("text") {
                return match head.text {
                    Some(Value::String(text)) => Ok(Self::Text(text)),
                    _ => Err("a text part without text".to_owned()),
                };
            }
            serde_json::from_str(json.get())
                .map(Self::Media)
                .map_err(|error| error.to_string())
        };
        Ok(read().unwrap_or_else(|reason| {
            Self::Unreadable(UnreadablePart {
                json: json.to_owned(),
                reason,
            })
        }))
    }
}

/// A call of a tool by the model.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The provider's id of the call; the answer names it.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments as the model wrote them: JSON text, perhaps not valid.
    pub arguments: String,
    /// What the provider wants back with the call when it is sent again (Gemini's thought
    /// signature, for one).
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub provider_data: Map<String, Value>,
}

impl ToolCall {
    /// A call with its arguments as JSON text.
    pub fn new(
        id: impl Into<String>,
        name: impl Into<String>,
        arguments: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            arguments: arguments.into(),
            provider_data: Map::new(),
        }
    }
}

impl fmt::Debug for ToolCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolCall")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("arguments", &format_args!("{} bytes", self.arguments.len()))
            .finish_non_exhaustive()
    }
}

/// One message of a conversation.
///
/// ```
/// use conversation_sdk::{Message, Role};
/// let message: Message = serde_json::from_str(
///     r#"{"role":"user","content":[{"type":"text","text":"hi"}],"created_at":"2026-01-02T03:04:05Z"}"#,
/// )?;
/// assert_eq!(message.role, Role::User);
/// assert_eq!(message.text(), "hi");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order. Plain text is read as one text part.
    #[serde(deserialize_with = "parts_or_text", default)]
    pub content: Vec<Part>,
    /// Tools that the model calls with this message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// The call that this message answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    /// When the message was made.
    #[serde(serialize_with = "millis")]
    pub created_at: DateTime<Utc>,
    /// Whatever else is kept with the message.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// What the message consumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<TokenUsage>,
}

fn millis<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

fn parts_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Part>, D::Error> {
    let json = <&'de RawValue>::deserialize(deserializer)?;
    let read = match json.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str(json.get()).map(|text| vec![Part::Text(text)]),
        Some(b'n') => Ok(vec![]),
        _ => serde_json::from_str(json.get()),
    };
    read.map_err(serde::de::Error::custom)
}

impl Message {
    /// A message made now.
    pub fn new(role: Role, content: Vec<Part>) -> Self {
        Self {
            role,
            content,
            tool_calls: Vec::new(),
            tool_call_id: None,
            created_at: Utc::now(),
            metadata: Map::new(),
            usage: None,
        }
    }

    /// A user's message.
    pub fn user(message: impl Into<UserMessage>) -> Self {
        Self::new(Role::User, message.into().parts)
    }

    /// A tool's answer to a call.
    pub fn tool(tool_call_id: impl Into<String>, content: Vec<Part>) -> Self {
        let mut message = Self::new(Role::Tool, content);
        message.tool_call_id = Some(tool_call_id.into());
        message
    }

    /// All words of the message, parts joined by line ends.
    pub fn text(&self) -> String {
        let texts: Vec<&str> = self.content.iter().filter_map(Part::as_text).collect();
        texts.join("\n")
    }

    /// The media of the message, in order.
    pub fn media(&self) -> impl Iterator<Item = &MediaContent> {
        self.content.iter().filter_map(Part::as_media)
    }
}

/// What a user sends: words, media, or both.
///
/// ```
/// use conversation_sdk::UserMessage;
/// let message = UserMessage::from("What is this?");
/// assert_eq!(message.parts().len(), 1);
/// ```
#[derive(Clone, Debug, Default)]
pub struct UserMessage {
    parts: Vec<Part>,
}

impl UserMessage {
    /// A message without anything yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a part.
    #[must_use]
    pub fn with_part(mut self, part: impl Into<Part>) -> Self {
        self.parts.push(part.into());
        self
    }

    /// The parts in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Takes the message apart.
    pub fn into_parts(self) -> Vec<Part> {
        self.parts
    }
}

impl From<&str> for UserMessage {
    fn from(text: &str) -> Self {
        Self::new().with_part(text)
    }
}

impl From<String> for UserMessage {
    fn from(text: String) -> Self {
        Self::new().with_part(text)
    }
}

impl From<Vec<Part>> for UserMessage {
    fn from(parts: Vec<Part>) -> Self {
        Self { parts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_read_is_kept_byte_for_byte() {
        let json = r#"{"role":"user","content":[{"type":"text","text":"a"},{"type":"hologram", "x":[1 ,2]},{"type":"image","mime_type":"image/png"},17],"created_at":"2026-01-02T03:04:05.000Z"}"#;
        let message: Message = serde_json::from_str(json).unwrap();
        let unreadable: Vec<_> = message
            .content
            .iter()
            .filter_map(|part| match part {
                Part::Unreadable(part) => Some(part.reason()),
                _ => None,
            })
            .collect();
        assert_eq!(unreadable.len(), 3);
        assert!(unreadable[1].contains("without a source"), "{unreadable:?}");
        assert_eq!(serde_json::to_string(&message).unwrap(), json);
    }

    #[test]
    fn plain_text_content_reads() {
        let json = r#"{"role":"assistant","content":"hello","created_at":"2026-01-02T03:04:05Z"}"#;
        let message: Message = serde_json::from_str(json).unwrap();
        assert_eq!(message.text(), "hello");
        let json = r#"{"role":"assistant","content":null,"created_at":"2026-01-02T03:04:05Z"}"#;
        let message: Message = serde_json::from_str(json).unwrap();
        assert!(message.content.is_empty());
    }
}
