//! The trait of state stores.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use conversation_types::MessageId;
use media_types::ConversationId;

use crate::error::StateError;
use crate::limits::{Durability, StateLimits, StoreInfo};
use crate::list::{ConversationFilter, ConversationPage};
use crate::load::{LoadOptions, LoadedConversation, MessagePosition};
use crate::outcome::{Applied, Created, NewConversation};
use crate::record::ConversationRecord;
use crate::reference::ReferenceKey;
use crate::write::StateWrite;

/// A place that keeps conversations.
///
/// # Contract
/// - A write is whole or not there at all, and as durable as [`durability`](Self::durability) says
///   when it returns. A future that is dropped leaves its write done or not done.
/// - `Conflict`, `KeyTaken` and `NotFound` mean that a write has not happened and never will, also
///   if a network delivers it late or twice. A write that is repeated with the same id is applied
///   once, and every repetition returns what it made. The store knows writes by their ids for at
///   least 24 hours and for at least the last 1,000 versions of a conversation; beyond that, a
///   repetition that cannot be distinguished from a new write is `Indeterminate`.
/// - Of writes with the same fence at most one is applied, unless they leave alone what the fence
///   is about.
/// - The cost of [`apply`](Self::apply) depends on what is written, that of [`load`](Self::load) on
///   what is read; neither on the length of the conversation or on the number of conversations.
/// - A message that is damaged, or of a kind that this version does not know, is read as
///   [`Message::unknown`](conversation_types::Message::unknown) under its id and is never
///   rewritten. Fields that this version does not know survive.
/// - Times are those of one clock, the store's.
/// - Ids are data: whatever they contain, they never clash.
///
/// [`transition`](crate::transition) decides for every store of this crate what a write makes of a
/// conversation; stores of other crates do well to use it. The feature `conformance` has a test for
/// each of these promises.
#[async_trait]
pub trait StateStore: Debug + Send + Sync + 'static {
    /// Returns the identity of the store.
    ///
    /// # Errors
    /// `Permission`, `Unavailable`.
    async fn info(&self) -> Result<StoreInfo, StateError>;

    /// Returns the largest values that the store takes.
    fn limits(&self) -> StateLimits;

    /// Returns what a write has survived once it has returned.
    fn durability(&self) -> Durability;

    /// Returns the time by the store's clock.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn now(&self) -> Result<DateTime<Utc>, StateError>;

    /// Creates a conversation, unless its user has one under the same key.
    ///
    /// # Errors
    /// `Conflict` if another write has created a conversation of this id, or if it was deleted and
    /// its tombstone is kept; `Indeterminate` if the conversation is there and the write that created
    /// it is no longer known; `TooLarge`; `InvalidInput`; `DiskSpace`; `Permission`; `Unavailable`.
    async fn create(&self, new: NewConversation) -> Result<Created, StateError>;

    /// Reads a conversation, or nothing where there is none. One that is being deleted is read as
    /// well, with its status.
    ///
    /// # Errors
    /// `Corrupted` for a record that is damaged, `Permission`, `Unavailable`.
    async fn load(
        &self,
        id: &ConversationId,
        options: LoadOptions,
    ) -> Result<Option<LoadedConversation>, StateError>;

    /// Returns the place of a message, on any branch.
    ///
    /// # Errors
    /// `Permission`, `Unavailable`.
    async fn find_message(
        &self,
        conversation: &ConversationId,
        message: &MessageId,
    ) -> Result<Option<MessagePosition>, StateError>;

    /// Applies a write, or finds that an earlier attempt did.
    ///
    /// # Errors
    /// `Conflict` if the fence does not hold or the conversation is being deleted; `KeyTaken`;
    /// `NotFound` if the conversation is not there or is another incarnation; `Indeterminate`;
    /// `TooLarge`; `InvalidInput`; `DiskSpace`; `Permission`; `Unavailable`.
    async fn apply(&self, write: StateWrite) -> Result<Applied, StateError>;

    /// Lists conversations.
    ///
    /// # Errors
    /// `InvalidInput` for a cursor that was edited or belongs to another list, `Permission`,
    /// `Unavailable`.
    async fn list(&self, filter: &ConversationFilter) -> Result<ConversationPage, StateError>;

    /// Marks a conversation as being deleted and refuses its id from now on for at least `keep`,
    /// also where there is no conversation. Returns the record, if there is one. May be repeated.
    ///
    /// # Errors
    /// `DiskSpace`, `Permission`, `Unavailable`.
    async fn tombstone(
        &self,
        id: &ConversationId,
        keep: Duration,
    ) -> Result<Option<ConversationRecord>, StateError>;

    /// Removes everything that belongs to a conversation but its tombstone. May be repeated.
    ///
    /// # Errors
    /// `DiskSpace`, `Permission`, `Unavailable`.
    async fn purge(&self, id: &ConversationId) -> Result<(), StateError>;

    /// Fences a user off for at least `ttl` from now. The store knows a user by a keyed hash alone.
    ///
    /// # Errors
    /// `InvalidInput` for a hash of more than 64 bytes, `DiskSpace`, `Permission`, `Unavailable`.
    async fn fence_user(&self, hash: &[u8], ttl: Duration) -> Result<(), StateError>;

    /// Returns when the fence of a user ends, if there is one.
    ///
    /// # Errors
    /// `Permission`, `Unavailable`.
    async fn user_fence(&self, hash: &[u8]) -> Result<Option<DateTime<Utc>>, StateError>;

    /// Removes the fence of a user. May be repeated.
    ///
    /// # Errors
    /// `Permission`, `Unavailable`.
    async fn lift_fence(&self, hash: &[u8]) -> Result<(), StateError>;

    /// Takes or extends a lease by its name. Returns whether `owner` holds it now, for `ttl`.
    ///
    /// # Errors
    /// `DiskSpace`, `Permission`, `Unavailable`.
    async fn acquire_lease(
        &self,
        name: &str,
        owner: &str,
        ttl: Duration,
    ) -> Result<bool, StateError>;

    /// Gives up a lease, unless another owner holds it. May be repeated.
    ///
    /// # Errors
    /// `Permission`, `Unavailable`.
    async fn release_lease(&self, name: &str, owner: &str) -> Result<(), StateError>;

    /// Returns for each reference whether a message refers to it, on any branch of any
    /// conversation.
    ///
    /// # Errors
    /// `Permission`, `Unavailable`.
    async fn references(&self, keys: &[ReferenceKey]) -> Result<Vec<bool>, StateError>;

    /// Returns the references that messages of a conversation hold, on any branch, sorted, each
    /// once: the first `limit` after `after`.
    ///
    /// # Errors
    /// `Permission`, `Unavailable`.
    async fn referenced_by(
        &self,
        conversation: &ConversationId,
        after: Option<&ReferenceKey>,
        limit: usize,
    ) -> Result<Vec<ReferenceKey>, StateError>;

    /// Remembers references that no message was found to name, and returns for each when it was
    /// first remembered, by the store's clock. A message that names a reference makes the store
    /// forget it. What was remembered first more than
    /// [`UNNAMED_KEPT_FOR`](crate::UNNAMED_KEPT_FOR) ago is forgotten by a call an hour later or more.
    ///
    /// # Errors
    /// `DiskSpace`, `Permission`, `Unavailable`.
    async fn observe_unnamed(
        &self,
        keys: &[ReferenceKey],
    ) -> Result<Vec<DateTime<Utc>>, StateError>;

    /// Forgets references that were remembered as unnamed. May be repeated.
    ///
    /// # Errors
    /// `Permission`, `Unavailable`.
    async fn forget_unnamed(&self, keys: &[ReferenceKey]) -> Result<(), StateError>;
}

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<T: StateStore + ?Sized> StateStore for $pointer<T> {
            forward_state!(
                self => self.as_ref();
                info, limits, durability, now, create, load, find_message, apply, list, tombstone,
                purge, fence_user, user_fence, lift_fence, acquire_lease, release_lease, references,
                referenced_by, observe_unnamed, forget_unnamed,
            );
        }
    };
}

forward!(Arc);
forward!(Box);
