//! The trait of what keeps records of erasures.

use std::fmt;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use media_storage::StorageError;

use crate::record::ErasureRecord;

/// What keeps the records of erasures: a file, or a database. It must be outside of the media store and
/// must not be restored with it.
#[async_trait]
pub trait ErasureJournal: fmt::Debug + Send + Sync + 'static {
    /// Appends a record. It is durable when the future ends.
    ///
    /// # Errors
    /// `Permission`, `DiskSpace`, `Unavailable`.
    async fn append(&self, record: &ErasureRecord) -> Result<(), StorageError>;

    /// Returns all records, in the order in which they were appended.
    fn records(&self) -> BoxStream<'static, Result<ErasureRecord, StorageError>>;
}
