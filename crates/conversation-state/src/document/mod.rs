//! Whole conversations as values, for stores that keep values under keys.
//!
//! A store of key and value reads a [`ConversationDocument`], lets it [`apply`](ConversationDocument::apply)
//! a write, and puts it back if nobody else has: with a lock, or with a compare-and-swap. [`page`] lists
//! documents. [`DocumentStateStore`] (feature `documents`) is such a store over a place that it is given.
//! Stores with tables do better with [`transition`](crate::transition), so that a write costs
//! no more in a long conversation.
//!
//! ```
//! use chrono::Utc;
//! use conversation_state::document::ConversationDocument;
//! use conversation_state::{ConversationRecord, NewConversation, Window};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let new = NewConversation::new(ConversationRecord::new("chat-1".parse()?));
//! let document = ConversationDocument::create(&new, 1, Utc::now())?;
//! let value = serde_json::to_string(&document)?;
//!
//! let document: ConversationDocument = serde_json::from_str(&value)?;
//! let loaded = document.load(&Window::All.into(), Utc::now());
//! assert_eq!(loaded.record.id.as_str(), "chat-1");
//! # Ok(())
//! # }
//! ```

mod conversation;
mod form;
#[cfg(feature = "documents")]
mod opened;
mod pages;
#[cfg(feature = "documents")]
mod place;
#[cfg(feature = "documents")]
mod store;
mod window;

pub use conversation::ConversationDocument;
pub(crate) use conversation::ReferenceChange;
pub use pages::page;
#[cfg(feature = "documents")]
pub use place::{DocumentPlace, LockedPlace};
#[cfg(feature = "documents")]
pub use store::DocumentStateStore;
