//! Where conversations with LLMs are kept between turns.
//!
//! A [`StateStore`] keeps records, turns and messages of conversations. Every change is one atomic
//! [`StateWrite`] under a [`Fence`], and has an id under which it can be repeated until its outcome
//! is known.
//!
//! ```
//! use conversation_state::{
//!     ConversationRecord, Fence, InMemoryStateStore, LeaseChange, NewConversation, StateStore,
//!     StateWrite, TurnFence, TurnRecord, TurnStatus, Window,
//! };
//! use conversation_types::{Message, TurnId};
//! use media_types::ConversationId;
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = InMemoryStateStore::new();
//! let record = ConversationRecord::new(ConversationId::mint());
//! let record = store.create(NewConversation::new(record)).await?.into_record();
//!
//! // A turn begins: the user's message, the turn and its lease are one write.
//! let mut turn = TurnRecord::new(TurnId::mint());
//! let fence = Fence::Head { head: record.head, turn: None };
//! let lease = LeaseChange::Take { owner: "node-1".into(), duration: Duration::from_secs(60) };
//! let begin = StateWrite::new(&record, fence)
//!     .with_append([Message::user("Hello").with_turn(turn.id.clone())])
//!     .with_turn(turn.clone())
//!     .with_lease(lease);
//! let begun = store.apply(begin.clone()).await?;
//!
//! // A repetition changes nothing.
//! assert!(store.apply(begin).await?.replayed);
//!
//! // It ends with the answer.
//! turn.status = TurnStatus::Complete;
//! let own = TurnFence::new(turn.id.clone(), begun.epoch.unwrap_or_default());
//! let fence = Fence::Head { head: begun.head, turn: Some(own) };
//! let finish = StateWrite::new(&begun.record, fence)
//!     .with_append([Message::assistant(vec!["Hi".into()]).with_turn(turn.id.clone())])
//!     .with_turn(turn);
//! store.apply(finish).await?;
//!
//! let loaded = store.load(&record.id, Window::NewestTurns(10).into()).await?;
//! assert_eq!(loaded.map(|loaded| loaded.messages.len()), Some(2));
//! # Ok(())
//! # }
//! ```

#[macro_use]
mod forward;

#[cfg(any(feature = "documents", feature = "postgres", feature = "redis"))]
mod blocking;
mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod connection;
mod context;
mod cursor;
pub mod document;
mod error;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
mod failures;
mod id;
mod limits;
mod list;
mod load;
mod memory;
mod outcome;
#[cfg(feature = "writer")]
mod panic_guard;
#[cfg(feature = "postgres")]
mod postgres;
mod pruning;
mod record;
#[cfg(feature = "redis")]
mod redis;
mod reference;
mod references;
mod replace;
mod scan;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;
mod stored;
pub mod transition;
mod turn;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
mod unreadable;
mod update;
mod write;
#[cfg(feature = "writer")]
mod writer;

#[cfg(feature = "redis")]
pub use crate::redis::{RedisOptions, RedisStateStore};
pub use clock::{Clock, ClockOffset};
pub use error::{StateError, StateErrorKind};
pub use id::{Incarnation, StoreId, WriteId};
pub use limits::{
    Durability, MAX_KEY_BYTES, MAX_METADATA_BYTES, MAX_PAGE, MAX_PLANNER_BYTES, StateLimits,
    StoreInfo, TOMBSTONE_KEPT_FOR, UNNAMED_KEPT_FOR, WRITES_KEPT, WRITES_KEPT_FOR,
};
pub use list::{ConversationFilter, ConversationPage, ListOrder};
pub use load::{LoadOptions, LoadedConversation, MessagePosition, StoredMessage, Window};
pub use memory::InMemoryStateStore;
pub use outcome::{Applied, Created, NewConversation};
#[cfg(feature = "writer")]
pub use panic_guard::PanicGuard;
#[cfg(feature = "postgres")]
pub use postgres::{PostgresOptions, PostgresStateStore};
pub use record::{
    BranchSource, ConversationRecord, ConversationStatus, MediaStoreName, RecordCounters,
};
pub use reference::ReferenceKey;
pub use references::references_of;
pub use replace::replace_references;
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteOptions, SqliteStateStore};
pub use store::StateStore;
pub use turn::{ContextInclusion, Lease, PendingCall, TurnEnd, TurnRecord, TurnStatus};
pub use update::{PlannerEntry, RecordUpdate};
pub use write::{Fence, LeaseChange, StateWrite, Truncation, TruncationMode, TurnFence};
#[cfg(feature = "writer")]
pub use writer::{StateWriter, WriteOutcome};

/// What macros of this crate name. Not part of the API.
#[doc(hidden)]
pub mod __private {
    pub use chrono::{DateTime, Utc};
    pub use conversation_types::MessageId;
    pub use media_types::ConversationId;

    pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
}
