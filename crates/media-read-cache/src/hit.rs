//! Bodies that are streamed from files of the cache.

use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use futures_util::stream;
use media_storage::{
    ByteStream, MediaStorage, Operation, RetrieveOptions, Sha256Hasher, StorageError,
    StorageErrorKind, next,
};
use media_types::StorageReference;
use media_types::readable::causes;
use tokio::task::JoinHandle;

use crate::disk::{Disk, PIECE};
use crate::entry::Entry;

/// How long a reader waits for one piece from the disk before it turns to the store.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// The source of the remaining bytes if the disk fails in the middle of a body.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) store: Arc<dyn MediaStorage>,
    pub(crate) reference: StorageReference,
    pub(crate) options: RetrieveOptions,
}

/// The body of an entry. The entry is in use until the body is dropped.
pub(crate) struct Hit {
    pub(crate) disk: Arc<Disk>,
    pub(crate) entry: Arc<Entry>,
    pub(crate) file: File,
    pub(crate) range: Range<u64>,
    /// Hashes what is read, if that is the whole body.
    pub(crate) hasher: Option<Sha256Hasher>,
    pub(crate) origin: Origin,
}

struct Reading {
    file: File,
    left: u64,
    hasher: Option<Sha256Hasher>,
}

impl Reading {
    fn piece(&mut self) -> io::Result<Bytes> {
        let wanted = self.left.min(PIECE as u64);
        let mut bytes = Vec::with_capacity(PIECE.min(usize::try_from(wanted).unwrap_or(PIECE)));
        (&self.file).take(wanted).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != wanted {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= wanted;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&bytes);
        }
        Ok(bytes.into())
    }
}

type Job = JoinHandle<(Reading, io::Result<Bytes>)>;

struct State {
    disk: Arc<Disk>,
    entry: Arc<Entry>,
    origin: Origin,
    end: u64,
    /// Offset behind the last byte that was served.
    at: u64,
    hasher: Option<Sha256Hasher>,
    source: Source,
}

enum Source {
    Local(Job),
    Store(ByteStream),
    Ended,
}

fn read(mut reading: Reading) -> Job {
    tokio::task::spawn_blocking(move || {
        let piece = reading.piece();
        (reading, piece)
    })
}

impl Hit {
    /// Returns a stream that reads one piece ahead. If the disk fails, the rest comes from the store.
    pub(crate) fn into_stream(
        self,
    ) -> impl Stream<Item = Result<Bytes, StorageError>> + Send + 'static {
        let reading = Reading {
            file: self.file,
            left: self.range.end - self.range.start,
            hasher: self.hasher.clone(),
        };
        let state = State {
            disk: self.disk,
            entry: self.entry,
            origin: self.origin,
            end: self.range.end,
            at: self.range.start,
            hasher: self.hasher,
            source: Source::Local(read(reading)),
        };
        stream::unfold(state, |mut state| async move {
            let item = state.next().await?;
            if item.is_err() {
                state.source = Source::Ended;
            }
            Some((item, state))
        })
    }
}

impl State {
    async fn next(&mut self) -> Option<Result<Bytes, StorageError>> {
        if let Source::Local(job) = &mut self.source {
            match tokio::time::timeout(READ_TIMEOUT, job).await {
                Ok(Ok((reading, Ok(piece)))) => return Some(self.local(reading, piece)),
                Ok(Ok((_, Err(error)))) => {
                    tracing::warn!(error = %causes(&error), "failed to read a file of the read cache");
                    self.disk.index.remove(&self.entry);
                    let (disk, entry) = (Arc::clone(&self.disk), Arc::clone(&self.entry));
                    drop(tokio::task::spawn_blocking(move || disk.unlink(&entry)));
                }
                Ok(Err(_)) | Err(_) => {
                    tracing::warn!("the read cache is too slow; the rest comes from the store");
                }
            }
            if let Err(error) = self.switch_to_store().await {
                return Some(Err(error));
            }
        }
        let Source::Store(stream) = &mut self.source else {
            return None;
        };
        let item = next(stream).await;
        match &item {
            Some(Ok(piece)) => {
                self.at += piece.len() as u64;
                if let Some(hasher) = &mut self.hasher {
                    hasher.update(piece);
                }
                if self.at == self.end && self.is_damaged() {
                    return Some(Err(self.damaged()));
                }
            }
            None if self.at != self.end => return Some(Err(self.damaged())),
            _ => {}
        }
        item
    }

    /// Returns a piece from the disk; the last piece of a whole body only if the hash matches.
    fn local(&mut self, reading: Reading, piece: Bytes) -> Result<Bytes, StorageError> {
        self.at += piece.len() as u64;
        self.hasher.clone_from(&reading.hasher);
        if self.at < self.end {
            self.source = Source::Local(read(reading));
            return Ok(piece);
        }
        self.source = Source::Ended;
        if self.is_damaged() {
            return Err(self.damaged());
        }
        Ok(piece)
    }

    fn is_damaged(&mut self) -> bool {
        let found = self.hasher.take().map(Sha256Hasher::finish);
        found.is_some_and(|found| found != self.entry.name().key.sha256)
    }

    /// Removes the damaged file. The error is retryable, since the store's copy is sound.
    fn damaged(&self) -> StorageError {
        let (disk, entry) = (Arc::clone(&self.disk), Arc::clone(&self.entry));
        self.disk.index.remove(&entry);
        drop(tokio::task::spawn_blocking(move || {
            disk.discard_damaged(&entry);
        }));
        StorageError::new(StorageErrorKind::Unavailable, Operation::Retrieve)
            .with_backend(self.origin.store.backend().to_owned())
            .with_key(self.origin.reference.id())
            .with_reason("the cached copy changed while it was read; it has been removed")
    }

    async fn switch_to_store(&mut self) -> Result<(), StorageError> {
        self.source = Source::Ended;
        let options = self.origin.options.clone().with_range(self.at..self.end);
        let stored = self
            .origin
            .store
            .retrieve_opts(&self.origin.reference, options)
            .await?;
        self.source = Source::Store(stored.body.into_stream());
        Ok(())
    }
}
