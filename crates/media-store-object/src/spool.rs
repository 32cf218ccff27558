//! A temporary file for bytes whose hash must be known before they can be sent.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use media_storage::{Operation, Sha256Hasher, StorageError, StorageErrorKind};

use crate::blocking::blocking;
use crate::payload::Digest;

/// A file without a name: it is gone when the last handle is dropped, or the process ends.
#[derive(Clone, Debug)]
pub(crate) struct Spool {
    file: Arc<Mutex<File>>,
}

/// A spool that is being written.
#[derive(Debug)]
pub(crate) struct Spooling {
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
        .with_reason("the temporary file that large media is spooled to")
        .with_source(error)
}

impl Spooling {
    /// Makes the file, in this directory or that of the operating system.
    pub(crate) async fn begin(directory: Option<&Path>) -> Result<Self, StorageError> {
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

    /// Writes and hashes the next bytes.
    pub(crate) async fn write(mut self, bytes: Bytes) -> Result<Self, StorageError> {
        blocking(move || {
            self.hasher.update(&bytes);
            self.file.write_all(&bytes).map_err(failed)?;
            Ok(self)
        })
        .await
    }

    /// All bytes are there.
    pub(crate) fn finish(self) -> (Spool, Digest) {
        let spool = Spool {
            file: Arc::new(Mutex::new(self.file)),
        };
        (spool, Digest::of(self.hasher))
    }
}

impl Spool {
    /// Reads a part into a buffer.
    pub(crate) async fn read(
        &self,
        at: u64,
        len: usize,
        mut part: Vec<u8>,
    ) -> Result<Vec<u8>, StorageError> {
        let file = Arc::clone(&self.file);
        blocking(move || {
            // Nothing panics while it holds the lock, and each use seeks first.
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            part.resize(len, 0);
            file.seek(SeekFrom::Start(at)).map_err(failed)?;
            file.read_exact(&mut part).map_err(failed)?;
            Ok(part)
        })
        .await
    }
}
