//! Moves media out of any JSON conversation history into a store, and back, bit for bit.
//!
//! A history of OpenAI, Anthropic, Gemini, LangChain, pydantic-ai, the Vercel AI SDK or any other
//! library holds its images, audio and documents as base64 in JSON. [`History::externalize`] replaces
//! each by a placeholder, a string in the same place; [`History::restore`] puts the same bytes back.
//! No byte outside of the replaced values is touched.
//!
//! ```
//! use media_history::{History, HistoryKey};
//! use media_storage::{InMemoryStorage, Scope};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = InMemoryStorage::new();
//! let history = History::new(&store, HistoryKey::new("a secret of at least 16 bytes")?)
//!     .with_scope(Scope::User("user123".parse()?))
//!     .with_threshold_kb(100);
//! let slim = history.externalize(b"[]").await?;
//! assert_eq!(history.restore(slim.bytes()).await?, &b"[]"[..]);
//! # Ok(())
//! # }
//! ```

mod check;
mod error;
mod extract;
pub mod file;
mod history;
mod journal;
mod key;
mod known;
mod lifetime;
mod locked_file;
mod output;
mod placeholder;
mod quotes;
mod report;
mod restore;
mod scan;
mod settings;
mod sink;
mod spool;
mod stand_in;
mod style;
#[cfg(feature = "tower")]
pub mod tower;
mod typed;
mod upload;
mod weave;

pub use error::{HistoryError, HistoryErrorKind, HistoryOperation};
pub use history::{History, Slim};
pub use key::HistoryKey;
pub use lifetime::scan_references;
pub use locked_file::open_locked;
pub use report::{
    CheckReport, Fault, FaultKind, ForgetReport, LeftReason, LeftValue, MediaClass, ReplacedValue,
    Report, RestoreReport, Totals, Unresolved, UnresolvedReason,
};
pub use settings::OnMissing;
