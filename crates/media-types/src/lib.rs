//! Media content and storage references for LLM conversations: values, their JSON, base64, and type
//! detection. No I/O and no async runtime.
//!
//! ```
//! use media_types::{MediaContent, MediaSource, Mime};
//!
//! // A client sent base64 in JSON.
//! let json = r#"{"type":"image","mime_type":"image/png","detail":"high","data":"iVBORw0KGgo="}"#;
//! let content: MediaContent = serde_json::from_str(json)?;
//! assert_eq!(content.mime(), &Mime::IMAGE_PNG);
//! assert!(matches!(content.source(), MediaSource::Inline(bytes) if bytes.len() == 8));
//! assert_eq!(serde_json::to_string(&content)?.len(), json.len());
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! A [`MediaContent`] has a [`Mime`] type, a [`MediaSource`] for its bytes, and attributes. A
//! [`StorageReference`] stands for stored media, and a [`ProviderFile`] for a file at a model provider.

pub mod base64;
mod content;
mod declared;
mod detail;
mod error;
mod id;
mod key;
mod known_hash;
mod mime;
pub mod readable;
mod reference;
mod reserved;
mod sha256;
mod sniff;
mod source;
mod uri;
mod url;
mod wire;

pub use content::MediaContent;
pub use declared::sniff_declared;
pub use detail::Detail;
pub use error::{Base64Error, ContentError, ValueError, ValueKind};
pub use id::{ConversationId, MAX_ID_LEN, RunId, SessionId, UserId};
pub use key::{MAX_KEY_LEN, StorageKey};
pub use mime::{MediaType, Mime};
pub use reference::{ProviderFile, StorageReference, StorageReferenceBuilder};
pub use sha256::Sha256;
pub use sniff::{SNIFF_LEN, sniff, sniff_page};
pub use source::MediaSource;
pub use url::{MAX_URL_LEN, MediaUrl};
