//! A layer for HTTP clients: slim requests go out whole, answers come in slim.
//!
//! ```
//! use media_history::{History, HistoryKey, tower::HistoryLayer};
//! use media_storage::{InMemoryStorage, Scope};
//! # fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let store = InMemoryStorage::new();
//! let history = History::new(&store, HistoryKey::new("a secret of at least 16 bytes")?)
//!     .with_scope(Scope::User("user123".parse()?));
//! // Put it around any `tower` service from `http::Request` to `http::Response`.
//! let layer = HistoryLayer::new(history);
//! # let _ = layer;
//! # Ok(())
//! # }
//! ```

mod begun;
mod body;
mod layer;
mod reader;

pub use body::HistoryBody;
pub use layer::{HistoryLayer, HistoryService};
