//! Places outside of media stores that keep copies of media.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;

use crate::error::StorageError;
use crate::scope::Scope;

/// A place outside of media stores that keeps copies of what they hold, or of what was made of it:
/// files that were uploaded to a model provider, responses that a provider keeps.
///
/// Deletions and erasures ask each such place to forget what belongs to a scope. They ask before the
/// state of a conversation is gone, so that an implementation can still look up what it has to
/// remove, and again until nothing is left.
#[async_trait]
pub trait MediaCopies: fmt::Debug + Send + Sync + 'static {
    /// Returns the name under which receipts list this place, for example `openai files`.
    fn place(&self) -> &str;

    /// Removes the copies that belong to a scope. Forgetting what is gone succeeds.
    ///
    /// What the place cannot remove, by its rules or because it failed, is reported by
    /// [`CopiesReport::kept`], not by an error.
    ///
    /// # Errors
    /// The place cannot be reached or asked at all. Without secrets.
    async fn forget(&self, scope: &Scope) -> Result<CopiesReport, StorageError>;
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: MediaCopies + ?Sized> MediaCopies for Arc<T> {
    fn place(&self) -> &str {
        self.as_ref().place()
    }
    async fn forget(&self, scope: &Scope) -> Result<CopiesReport, StorageError> {
        self.as_ref().forget(scope).await
    }
}

/// What a place has forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CopiesReport {
    /// The number of copies that were removed.
    pub removed: u64,
    /// Their bytes, as far as they are known.
    pub bytes: u64,
    /// Copies that are left.
    pub kept: Vec<KeptCopies>,
}

impl CopiesReport {
    /// Creates the report of a number of copies that were removed.
    pub fn new(removed: u64, bytes: u64) -> Self {
        Self {
            removed,
            bytes,
            kept: Vec::new(),
        }
    }

    /// Adds copies that are left, with the reason in a few words without secrets.
    #[must_use]
    pub fn with_kept(mut self, copies: u64, reason: impl Into<String>) -> Self {
        self.kept.push(KeptCopies {
            copies,
            reason: reason.into(),
        });
        self
    }
}

/// Copies that a place could not remove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KeptCopies {
    /// The number of copies.
    pub copies: u64,
    /// The reason, in a few words.
    pub reason: String,
}
