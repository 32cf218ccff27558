//! Media content and storage references for LLM conversations: values, wire forms, base64 and
//! sniffing. No I/O, no async runtime.
//!
//! ```
//! use media_types::{MediaContent, MediaSource, Mime};
//!
//! // What a client sent: base64 in JSON.
//! let json = r#"{"type":"image","mime_type":"image/png","detail":"high","data":"iVBORw0KGgo="}"#;
//! let content: MediaContent = serde_json::from_str(json)?;
//! assert_eq!(content.mime(), &Mime::IMAGE_PNG);
//! assert!(matches!(content.source(), MediaSource::Inline(bytes) if bytes.len() == 8));
//! assert_eq!(serde_json::to_string(&content)?.len(), json.len());
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! # Map
//! - [`MediaContent`] and [`MediaSource`]: a medium and where its bytes are (`content`), its JSON
//!   (`wire`)
//! - [`StorageReference`], [`ProviderFile`]: what stands for bytes kept elsewhere (`reference`), and
//!   the URI form of a reference (`uri`)
//! - [`Mime`], [`MediaType`] (`mime`), [`sniff()`] (`sniff`)
//! - [`StorageKey`] (`key`), [`MediaUrl`] (`url`), [`Sha256`] (`sha256`), [`ConversationId`] and
//!   its kin (`id`)
//! - [`base64`]: the codec, whole and in pieces
//! - [`ValueError`], [`Base64Error`], [`ContentError`] (`error`)

pub mod base64;
mod content;
mod detail;
mod error;
mod id;
mod key;
mod mime;
mod reference;
mod reserved;
mod sha256;
mod sniff;
mod source;
mod uri;
mod url;
mod wire;

pub use content::MediaContent;
pub use detail::Detail;
pub use error::{Base64Error, ContentError, ValueError, ValueKind};
pub use id::{ConversationId, MAX_ID_LEN, RunId, SessionId, UserId};
pub use key::{MAX_KEY_LEN, StorageKey};
pub use mime::{MediaType, Mime};
pub use reference::{ProviderFile, StorageReference, StorageReferenceBuilder};
pub use sha256::Sha256;
pub use sniff::{SNIFF_LEN, sniff};
pub use source::MediaSource;
pub use url::{MAX_URL_LEN, MediaUrl};
