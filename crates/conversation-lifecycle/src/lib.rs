//! The end of conversations and what is left of them, over a state store and its media stores.
//!
//! - **Deletion** removes a conversation, those that were started for it, and their media. It begins
//!   with a tombstone, so that no write of a running turn fits any more, and any node can finish it.
//! - **Erasure** removes everything of a user, behind a fence, and gives a receipt.
//! - **Reconciliation** compares the stores with the state, which is the truth, and removes what
//!   killed turns left behind. **Upkeep** does all that is due.
//! - **Uploads** are media that a user hands in before a turn.
//!
//! The crate knows no provider and runs no turn. A process that does nothing but upkeep needs no
//! more than this:
//!
//! ```
//! use std::sync::Arc;
//!
//! use conversation_lifecycle::{Lifecycle, MediaStores, StampedStorage, Tasks};
//! use conversation_state::{ConversationRecord, InMemoryStateStore, NewConversation, StateStore};
//! use media_storage::InMemoryStorage;
//! use media_types::ConversationId;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let state: Arc<dyn StateStore> = Arc::new(InMemoryStateStore::new()); // or a database
//! let media = Arc::new(InMemoryStorage::new()); // or files, or a bucket
//! let media = Arc::new(StampedStorage::new(media, state.clone()));
//! let lifecycle = Lifecycle::builder(state.clone())
//!     .with_media_stores(MediaStores::new(Some(media), vec![]))
//!     .build(Tasks::new(tokio::runtime::Handle::current()));
//!
//! let user = "u1".parse()?;
//! let record = ConversationRecord::new(ConversationId::mint()).with_user(Some(user));
//! let record = state.create(NewConversation::new(record)).await?.into_record();
//! let receipt = lifecycle.erase_user(&"u1".parse()?).await?;
//! assert!(receipt.is_complete());
//! assert_eq!(receipt.conversations, 1);
//! assert!(lifecycle.is_fenced(record.user.as_ref()).await?);
//! # Ok(())
//! # }
//! ```

mod adopt;
mod backfill;
mod builder;
mod core;
mod delete;
mod end;
mod erase;
mod error;
mod event;
mod family;
mod fence;
mod finish;
mod foreign;
mod hexadecimal;
mod lease;
mod lifecycle;
mod local_turns;
mod media;
mod media_slot;
mod on_task;
mod options;
mod owner;
mod receipt;
mod reconcile;
mod reconcile_report;
mod recovery;
mod stamped;
mod stores;
mod tasks;
mod unnamed;
mod upkeep;
mod upload;
mod upload_owner;
mod upload_slots;
mod user_check;

pub use builder::LifecycleBuilder;
pub use error::{LifecycleError, LifecycleErrorKind};
pub use event::{LifecycleEvent, LifecycleObserver};
pub use foreign::{ForeignSource, foreign_sources};
pub use lease::WorkLease;
pub use lifecycle::Lifecycle;
pub use local_turns::LocalTurns;
pub use media::reference_of;
pub use media_slot::MediaSlot;
pub use options::LifecycleOptions;
pub use owner::{media_owner, owner_metadata};
pub use receipt::{
    CopiesReceipt, DeletionReceipt, DeletionStatus, ErasureReceipt, FinishedDeletions, Obstacle,
    PlaceReceipt,
};
pub use reconcile_report::{ReconcileOptions, ReconcileReport, StoreReconciliation};
pub use stamped::StampedStorage;
pub use stores::{MediaStores, name_of};
pub use tasks::Tasks;
pub use upkeep::{StoreSweep, UpkeepReport};
pub use upload::Upload;
pub use user_check::UserCheck;
