//! The store that is crashed.

use std::io;
use std::path::Path;

use futures_util::stream;
use media_storage::{MediaBody, MediaStorage, MediaUpload, StorageError, Usage};
use media_types::StorageReference;

use super::script::{Form, StoreStep};

/// A store that the kit can crash: how it is opened, and what is on disk according to something else
/// than the store.
///
/// Only [`open`](Self::open) is required. `usage`, `leftovers` and `damage` must not use the store.
pub trait CrashSubject: Send + Sync {
    /// The store under test.
    type Store: MediaStorage;

    /// Opens the store in a directory, which exists and is empty the first time.
    ///
    /// # Errors
    /// What opening the store reports. After a crash it must not fail.
    fn open(
        &self,
        directory: &Path,
    ) -> impl Future<Output = Result<Self::Store, StorageError>> + Send;

    /// Closes the store. Drops it by default.
    ///
    /// # Errors
    /// What closing the store reports.
    fn close(&self, store: Self::Store) -> impl Future<Output = Result<(), StorageError>> + Send {
        async move {
            drop(store);
            Ok(())
        }
    }

    /// Exports what the store exports. Does nothing by default.
    ///
    /// # Errors
    /// What exporting reports.
    fn export(
        &self,
        _store: &Self::Store,
    ) -> impl Future<Output = Result<(), StorageError>> + Send {
        async { Ok(()) }
    }

    /// Creates what crashes leave behind, for sweeps to find. Does nothing by default.
    ///
    /// # Errors
    /// If that fails.
    fn litter(&self, _directory: &Path) -> io::Result<()> {
        Ok(())
    }

    /// Removes media like a delete that is killed before it is durable. Does nothing by default.
    ///
    /// # Errors
    /// If that fails.
    fn begin_delete(&self, _directory: &Path, _reference: &StorageReference) -> io::Result<()> {
        Ok(())
    }

    /// Returns what is on disk. By default this is unknown, and the usage is not checked.
    ///
    /// # Errors
    /// If the disk cannot be read.
    fn usage(&self, _directory: &Path) -> io::Result<Option<Usage>> {
        Ok(None)
    }

    /// Returns what must not exist after a full sweep. Returns nothing by default.
    ///
    /// # Errors
    /// If the disk cannot be read.
    fn leftovers(&self, _directory: &Path) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// Returns what must never exist: incomplete media under a final name. Returns nothing by default.
    ///
    /// # Errors
    /// If the disk cannot be read.
    fn damage(&self, _directory: &Path) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }
}

/// Returns the upload of a step.
pub(super) fn upload(step: &StoreStep) -> MediaUpload {
    let bytes = step.bytes();
    let body = match step.form {
        Form::Whole => MediaBody::from_bytes(bytes),
        Form::Streamed => {
            let pieces: Vec<_> = bytes
                .chunks(64 * 1024)
                .map(|piece| Ok(bytes.slice_ref(piece)))
                .collect();
            MediaBody::from_stream(None, stream::iter(pieces))
        }
    };
    MediaUpload::new(step.mime(), body, step.metadata())
}
