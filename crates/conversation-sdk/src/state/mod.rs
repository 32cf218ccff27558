//! Where conversations are kept between turns: the trait, the store in memory and the one in a
//! SQLite file.
//!
//! # Map
//! - [`StateStore`]: what a store implements · [`ConversationRecord`], [`Window`],
//!   [`ConversationFilter`] (`record`) · [`StateError`] (`error`)
//! - [`InMemoryStateStore`] (`memory`) · `SqliteStateStore` (`sqlite`, feature `sqlite`)

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use media_types::ConversationId;

use crate::message::Message;

mod error;
mod memory;
mod record;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use error::{StateError, StateErrorKind};
pub use memory::InMemoryStateStore;
pub use record::{
    ConversationFilter, ConversationRecord, ConversationStatus, LoadedConversation, Window,
};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStateStore;

/// A place that keeps conversations.
///
/// # Contract
/// - Every write is whole or not there at all, and durable when it returns as far as the store
///   promises durability.
/// - A write names the version that it expects. Where the conversation has another one, or is
///   being deleted, the answer is [`Conflict`](StateErrorKind::Conflict) and nothing was written.
///   Of writes that expect the same version, one succeeds.
/// - A write raises the version by exactly one. The first write makes the conversation and expects
///   version 0.
/// - The cost of `append` depends on what is appended, that of `load` on what is read; neither on
///   the length of the conversation or on the number of conversations.
/// - A future dropped in the middle of a write leaves the write done or not done.
/// - Ids are data: whatever they contain, they never clash.
#[async_trait]
pub trait StateStore: Debug + Send + Sync + 'static {
    /// Reads a conversation, or nothing where there is none. One that is being deleted is read too,
    /// with its status.
    ///
    /// # Errors
    /// `Corrupted`, `Permission`, `Unavailable`.
    async fn load(
        &self,
        id: &ConversationId,
        window: Window,
    ) -> Result<Option<LoadedConversation>, StateError>;

    /// Adds messages at the end and makes `record` what is kept about the conversation. Its
    /// `version`, `messages` and `updated_at` are set by the store; so is `status`, which stays,
    /// and is `Active` for a new conversation. The new record is returned.
    ///
    /// # Errors
    /// `Conflict`, `DiskSpace`, `Permission`, `Unavailable`.
    async fn append(
        &self,
        record: &ConversationRecord,
        expected_version: u64,
        messages: &[Message],
    ) -> Result<ConversationRecord, StateError>;

    /// Puts other messages in the place of some that are there, named by their positions, and
    /// makes `record` what is kept about the conversation, as `append` does.
    ///
    /// # Errors
    /// As `append`; `NotFound` for a position beyond the end.
    async fn replace(
        &self,
        record: &ConversationRecord,
        expected_version: u64,
        messages: &[(u64, Message)],
    ) -> Result<ConversationRecord, StateError>;

    /// Sets the status, whatever the version, and raises the version. From `Deleting` nothing leads
    /// back: there the call changes nothing. Returns the record, or nothing where there is no such
    /// conversation.
    ///
    /// # Errors
    /// `Permission`, `Unavailable`.
    async fn set_status(
        &self,
        id: &ConversationId,
        status: ConversationStatus,
    ) -> Result<Option<ConversationRecord>, StateError>;

    /// Removes a conversation whole. One that is not there is no error.
    ///
    /// # Errors
    /// `Permission`, `Unavailable`.
    async fn delete(&self, id: &ConversationId) -> Result<(), StateError>;

    /// Lists conversations, newest write first, ties by id.
    ///
    /// # Errors
    /// `Corrupted`, `Permission`, `Unavailable`.
    async fn list(
        &self,
        filter: &ConversationFilter,
    ) -> Result<Vec<ConversationRecord>, StateError>;
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: StateStore + ?Sized> StateStore for Arc<T> {
    async fn load(
        &self,
        id: &ConversationId,
        window: Window,
    ) -> Result<Option<LoadedConversation>, StateError> {
        self.as_ref().load(id, window).await
    }
    async fn append(
        &self,
        record: &ConversationRecord,
        expected_version: u64,
        messages: &[Message],
    ) -> Result<ConversationRecord, StateError> {
        self.as_ref()
            .append(record, expected_version, messages)
            .await
    }
    async fn replace(
        &self,
        record: &ConversationRecord,
        expected_version: u64,
        messages: &[(u64, Message)],
    ) -> Result<ConversationRecord, StateError> {
        self.as_ref()
            .replace(record, expected_version, messages)
            .await
    }
    async fn set_status(
        &self,
        id: &ConversationId,
        status: ConversationStatus,
    ) -> Result<Option<ConversationRecord>, StateError> {
        self.as_ref().set_status(id, status).await
    }
    async fn delete(&self, id: &ConversationId) -> Result<(), StateError> {
        self.as_ref().delete(id).await
    }
    async fn list(
        &self,
        filter: &ConversationFilter,
    ) -> Result<Vec<ConversationRecord>, StateError> {
        self.as_ref().list(filter).await
    }
}

/// What every store writes for a record, given what it holds.
fn next_record(
    held: Option<&ConversationRecord>,
    given: &ConversationRecord,
    expected_version: u64,
    added: u64,
) -> Result<ConversationRecord, StateError> {
    let version = held.map_or(0, |held| held.version);
    let status = held.map_or(ConversationStatus::Active, |held| held.status);
    if version != expected_version || status == ConversationStatus::Deleting {
        return Err(
            StateError::new(StateErrorKind::Conflict).with_detail(format!(
                "version {version} where {expected_version} was expected"
            )),
        );
    }
    let mut next = held
        .unwrap_or(&ConversationRecord::new(given.id.clone()))
        .written(added);
    next.status = status;
    next.user.clone_from(&given.user);
    next.session.clone_from(&given.session);
    next.run.clone_from(&given.run);
    next.pack.clone_from(&given.pack);
    next.created_at = given.created_at;
    next.externalized = given.externalized;
    next.last_write.clone_from(&given.last_write);
    Ok(next)
}

fn no_such_position(position: u64) -> StateError {
    StateError::new(StateErrorKind::NotFound).with_detail(format!("no message at {position}"))
}
