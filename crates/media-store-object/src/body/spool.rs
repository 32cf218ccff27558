//! Temporary files for bodies whose hash must be known before they are sent.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use media_storage::backend::Digest;
use media_storage::{Operation, Sha256Hasher, StorageError, StorageErrorKind};

use super::blocking::blocking;

/// A complete temporary file. It has no name and is removed when the last handle is dropped or the
/// process ends.
#[derive(Clone, Debug)]
pub(crate) struct Spool {
    file: Arc<Mutex<File>>,
}

/// A temporary file that is being written.
#[derive(Debug)]
pub(crate) struct SpoolWriter {
    file: File,
    hasher: Sha256Hasher,
}

fn failed(error: io::Error) -> StorageError {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StorageErrorKind::DiskSpace,
        io::ErrorKind::PermissionDenied => StorageErrorKind::Permission,
        io::ErrorKind::NotFound => StorageErrorKind::Config,
        _ => StorageErrorKind::Other,
    };
    StorageError::new(kind, Operation::Store)
        .with_reason("failed to use the temporary file that large media is spooled to")
        .with_source(error)
}

impl SpoolWriter {
    /// Creates a file in `directory`, or in the operating system's directory for temporary files.
    pub(crate) async fn create(directory: Option<&Path>) -> Result<Self, StorageError> {
        let directory = directory.map(Path::to_owned);
        blocking(move || {
            let file = match directory {
                Some(directory) => tempfile::tempfile_in(directory),
                None => tempfile::tempfile(),
            };
            Ok(Self {
                file: file.map_err(failed)?,
                hasher: Sha256Hasher::new(),
            })
        })
        .await
    }

    /// Appends and hashes bytes.
    pub(crate) async fn write(mut self, bytes: Bytes) -> Result<Self, StorageError> {
        blocking(move || {
            self.hasher.update(&bytes);
            self.file.write_all(&bytes).map_err(failed)?;
            Ok(self)
        })
        .await
    }

    /// Returns the complete file and its digest.
    pub(crate) fn finish(self) -> (Spool, Digest) {
        let spool = Spool {
            file: Arc::new(Mutex::new(self.file)),
        };
        (spool, Digest::of(self.hasher))
    }
}

impl Spool {
    /// Reads `len` bytes at an offset into a buffer.
    pub(crate) async fn read(
        &self,
        at: u64,
        len: usize,
        mut part: Vec<u8>,
    ) -> Result<Vec<u8>, StorageError> {
        let file = Arc::clone(&self.file);
        blocking(move || {
            // No code panics while it holds this lock, and each use seeks first.
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            part.resize(len, 0);
            file.seek(SeekFrom::Start(at)).map_err(failed)?;
            file.read_exact(&mut part).map_err(failed)?;
            Ok(part)
        })
        .await
    }
}
