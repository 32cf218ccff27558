//! Bodies from the cache's files, piece by piece.

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
use tokio::task::JoinHandle;

use super::disk::{Disk, PIECE};
use super::index::Entry;

/// How long a reader waits for one piece from the disk before it goes to the store.
const STALL: Duration = Duration::from_secs(5);

/// Where the rest comes from when the disk fails in the middle.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) store: Arc<dyn MediaStorage>,
    pub(super) reference: StorageReference,
    pub(super) options: RetrieveOptions,
}

/// The file of an entry as a body. The entry is in use until the body is dropped.
pub(super) struct Hit {
    pub(super) disk: Arc<Disk>,
    pub(super) entry: Arc<Entry>,
    pub(super) file: File,
    pub(super) range: Range<u64>,
    /// Hashes what is read, where that is the whole body.
    pub(super) hasher: Option<Sha256Hasher>,
    pub(super) origin: Origin,
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
    /// What was handed over, for whoever takes over from the disk.
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
    /// Reads one piece ahead of the reader. Where the disk fails, the rest comes from the store.
    pub(super) fn into_stream(
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
            match tokio::time::timeout(STALL, job).await {
                Ok(Ok((reading, Ok(piece)))) => return Some(self.local(reading, piece)),
                Ok(Ok((_, Err(error)))) => {
                    tracing::warn!(%error, "a file of the read cache could not be read on");
                    self.disk.index.remove(&self.entry);
                    let (disk, entry) = (Arc::clone(&self.disk), Arc::clone(&self.entry));
                    drop(tokio::task::spawn_blocking(move || disk.unlink(&entry)));
                }
                Ok(Err(_)) | Err(_) => {
                    tracing::warn!("the read cache is too slow; a body goes on without it");
                }
            }
            if let Err(error) = self.turn_to_store().await {
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

    /// Hands over a piece from the disk; the last of a whole body only if the hash is right.
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

    /// The media is well in the store, so that another attempt succeeds.
    fn damaged(&self) -> StorageError {
        let (disk, entry) = (Arc::clone(&self.disk), Arc::clone(&self.entry));
        self.disk.index.remove(&entry);
        drop(tokio::task::spawn_blocking(move || {
            disk.discard_damaged(&entry);
        }));
        StorageError::new(StorageErrorKind::Unavailable, Operation::Retrieve)
            .with_backend(self.origin.store.backend().to_owned())
            .with_key(self.origin.reference.id())
            .with_reason("the local copy was damaged while it was read; the next read does without")
    }

    async fn turn_to_store(&mut self) -> Result<(), StorageError> {
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
