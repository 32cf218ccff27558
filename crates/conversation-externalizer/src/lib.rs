//! Moves the bytes of messages into media stores and keeps references.
//!
//! [`Externalizer::externalize`] takes a batch of messages: it finds their media in whatever form
//! (media parts, `data:` URIs in text, objects in the results of tools, opaque data of providers),
//! corrects types, stores what is large, and changes the messages at the end, in one moment.
//! [`PendingReferences`] holds what was stored until a state names it, and takes it back where the
//! write certainly did not happen.
//!
//! ```
//! use std::sync::Arc;
//!
//! use conversation_externalizer::{
//!     Batch, BatchKind, ExternalizeOptions, Externalizer, MediaOwner, PendingReferences,
//! };
//! use conversation_types::Message;
//! use media_loader::MediaLoader;
//! use media_storage::{InMemoryStorage, MediaStorage};
//! use media_types::{MediaContent, Mime};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store: Arc<dyn MediaStorage> = Arc::new(InMemoryStorage::new());
//! let loader = MediaLoader::builder().build();
//! let externalizer = Externalizer::new(Some(store.clone()), loader, ExternalizeOptions::new());
//! let runtime = Arc::new(tokio::runtime::Handle::current());
//! let mut pending = PendingReferences::new(Some(store), runtime);
//!
//! let photo = MediaContent::from_bytes(Mime::IMAGE_PNG, vec![0; 200 * 1024]);
//! let mut messages = [Message::user(vec!["What is this?".into(), photo.into()])];
//! let owner = MediaOwner::new("conv-1".parse()?);
//! let batch = Batch::new(&owner, 0, BatchKind::User);
//! externalizer.externalize(&batch, &mut messages, &mut pending).await?;
//!
//! pending.begin_write();
//! let row = serde_json::to_string(&messages)?; // Write it to a database here.
//! pending.commit();
//! assert!(row.len() < 1024);
//! # Ok(())
//! # }
//! ```
//!
//! # What is found
//! - Media parts: inline from a threshold on, files, media that a turn has received, and media at
//!   URLs as [`RemoteMedia`] says.
//! - `data:` URIs with base64 in the text of users, models and tools, in every spelling that is in
//!   use. The text around them stays, in order.
//! - In the results of tools: objects in the shapes of MCP, OpenAI, Anthropic, Gemini and of this
//!   workspace, in JSON of any depth, also where that JSON stands in a string. They become media
//!   parts, so that the model sees them.
//! - Content objects of this workspace in parts that are not known: replaced inside, everything
//!   else byte for byte.
//! - Opaque data of providers, such as signatures of megabytes. [`resolve_opaque`] reads it back.
//!
//! Work is linear in the size of a message, without recursion, and lets other tasks run.

mod apply;
mod base64_text;
mod candidate;
mod check;
mod context;
mod data_uri;
mod draft;
mod duplicate;
mod error;
mod escapes;
mod externalizer;
mod extract;
mod fallback;
mod fetched;
mod fetches;
mod fingerprint;
mod history;
mod json_tokens;
mod media_kind;
mod nested;
mod opaque;
mod options;
mod pacer;
mod pending;
mod received;
mod remote;
mod report;
mod shape_media;
mod shapes;
mod split;
mod store;
#[cfg(test)]
mod tests;
mod url_secrets;

pub use check::StoreCheck;
pub use context::{Batch, BatchKind, MediaOwner};
pub use error::{ExternalizeError, ExternalizeErrorKind};
pub use externalizer::Externalizer;
pub use fetched::FetchedMedia;
pub use fingerprint::Fingerprint;
pub use history::HistoryProgress;
pub use opaque::{UnresolvedOpaque, resolve_opaque};
pub use options::{ExternalizeOptions, OnStorageError};
pub use pending::{PendingReferences, SpawnRollback};
pub use received::{NothingReceived, ReceivedInfo, ReceivedLookup};
pub use remote::RemoteMedia;
pub use report::{ExternalizeReport, InlineFallback, OmittedItem, TypeCorrection};
