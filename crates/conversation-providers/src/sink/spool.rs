//! Bytes that are kept until they are stored: in memory, or in a file without a name.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use media_storage::{ByteStream, MediaBody, Operation, StorageError, StorageErrorKind, next};
use media_types::Sha256;

use super::byte_budget::Reservation;

/// Bytes that are read at a time.
const CHUNK: u64 = 128 * 1024;

/// The bytes of a received media item. Clones share them; they are gone with the last clone.
#[derive(Clone, Debug)]
pub struct Spool(Arc<Contents>);

#[derive(Debug)]
pub(super) struct Contents {
    pub(super) bytes: Backing,
    pub(super) len: u64,
    pub(super) sha256: Sha256,
    pub(super) _reservation: Reservation,
}

pub(super) enum Backing {
    Memory(Bytes),
    File(Mutex<File>),
}

impl fmt::Debug for Backing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory(_) => "Memory",
            Self::File(_) => "File",
        })
    }
}

impl Spool {
    pub(super) fn new(contents: Contents) -> Self {
        Self(Arc::new(contents))
    }

    /// Returns the size in bytes.
    pub fn len(&self) -> u64 {
        self.0.len
    }

    /// Returns whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.len == 0
    }

    /// Returns the SHA-256 of the bytes.
    pub fn sha256(&self) -> Sha256 {
        self.0.sha256
    }

    /// Returns the bytes as a stream, which ends in `Corrupted` where they are not those that were
    /// written.
    pub fn body(&self) -> MediaBody {
        match &self.0.bytes {
            Backing::Memory(bytes) => MediaBody::from_bytes(bytes.clone()),
            Backing::File(_) => {
                let (len, sha256) = (self.len(), self.sha256());
                MediaBody::from_stored_stream(len, Some(sha256), self.read(0..len))
            }
        }
    }

    /// A part of the bytes.
    pub(super) fn part(&self, range: Range<u64>) -> MediaBody {
        let end = range.end.min(self.len());
        let range = range.start.min(end)..end;
        MediaBody::from_stream(Some(range.end - range.start), self.read(range))
    }

    /// Reads all bytes into memory.
    ///
    /// # Errors
    /// `Corrupted` where they are not those that were written; `Other` where the spool cannot be
    /// read.
    pub async fn bytes(&self) -> Result<Bytes, StorageError> {
        if let Backing::Memory(bytes) = &self.0.bytes {
            return Ok(bytes.clone());
        }
        let len = usize::try_from(self.len()).map_err(failed)?;
        // So many bytes were written: the length is no mere claim.
        let mut all = BytesMut::with_capacity(len);
        let mut chunks = self.body().into_stream();
        while let Some(chunk) = next(&mut chunks).await {
            all.extend_from_slice(&chunk?);
        }
        Ok(all.freeze())
    }

    fn read(&self, range: Range<u64>) -> ByteStream {
        let start = (self.clone(), range);
        Box::pin(stream::try_unfold(start, |(spool, range)| async move {
            if range.is_empty() {
                return Ok(None);
            }
            let end = range.end.min(range.start + CHUNK);
            let chunk = range.start..end;
            let reader = spool.clone();
            let read = tokio::task::spawn_blocking(move || reader.read_blocking(chunk));
            let bytes = read.await.map_err(failed)?.map_err(failed)?;
            Ok(Some((bytes, (spool, end..range.end))))
        }))
    }

    fn read_blocking(&self, range: Range<u64>) -> std::io::Result<Bytes> {
        let len = usize::try_from(range.end - range.start).map_err(std::io::Error::other)?;
        match &self.0.bytes {
            Backing::Memory(bytes) => {
                let at = usize::try_from(range.start).map_err(std::io::Error::other)?;
                Ok(bytes.slice(at..at + len))
            }
            Backing::File(file) => {
                let mut bytes = vec![0; len];
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(range.start))?;
                file.read_exact(&mut bytes)?;
                Ok(bytes.into())
            }
        }
    }

    #[cfg(test)]
    pub(super) fn file(&self) -> Option<&Mutex<File>> {
        match &self.0.bytes {
            Backing::Memory(_) => None,
            Backing::File(file) => Some(file),
        }
    }
}

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StorageError {
    StorageError::new(StorageErrorKind::Other, Operation::Retrieve)
        .with_reason("failed to read the spool")
        .with_source(error)
}
