//! Messages of LLM conversations, what they consist of, and the JSON they are kept in.
//!
//! A [`Message`] has an id, a role and [`Part`]s: text, media, reasoning, and items that a provider
//! wants back unchanged. Nothing that is read gets lost: fields, parts and roles that this version
//! does not know survive a round trip through JSON byte for byte.
//!
//! ```
//! use conversation_types::{Message, Part, Role};
//!
//! let json = r#"{"id":"msg-1","role":"user","content":[{"type":"text","text":"Hi"},{"type":"hologram","depth":3}],"created_at":"2026-01-02T03:04:05.000Z"}"#;
//! let message: Message = serde_json::from_str(json)?;
//! assert_eq!(message.role, Role::User);
//! assert_eq!(message.text(), "Hi");
//! assert!(matches!(message.content[1], Part::Unknown(_)));
//! assert_eq!(serde_json::to_string(&message)?, json);
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! The types read from and write to any serde format. The bytes of unknown fields and parts are
//! kept exactly where the format is JSON text; in other formats their values are kept.

mod extra;
mod finish;
mod id;
mod json;
mod lossy;
mod message;
mod message_wire;
mod omission;
mod opaque;
mod part;
mod part_wire;
mod role;
mod tool;
mod usage;
mod user_message;

pub use extra::ExtraFields;
pub use finish::FinishReason;
pub use id::{MAX_MESSAGE_ID_LEN, MessageId, TurnId};
pub use json::RawJson;
pub use message::{Message, MessageStatus};
pub use omission::{OmissionReason, OmittedMedia};
pub use opaque::{OpaqueData, ProviderData};
pub use part::{Part, TextPart, UnknownPart};
pub use role::Role;
pub use tool::{ToolCall, ToolChoice, ToolDefinition};
pub use usage::{Cost, TokenUsage, UsageSource};
pub use user_message::UserMessage;
