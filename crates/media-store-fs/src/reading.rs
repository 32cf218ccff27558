//! Reading the bytes of a file in pieces, verified.

use std::fs::File;
use std::future::Future as _;
use std::io::Read as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use media_storage::{MediaBody, Operation, Sha256Hasher, StorageError, StorageErrorKind};
use media_types::Sha256;
use tokio::task::JoinHandle;

use crate::error::{fail, io_error};
use crate::pieces::{PIECE, Pieces};

/// Media up to this size that is verified is read in one job and returned whole: its reader gets no byte of
/// damaged media.
const WHOLE: u64 = 1024 * 1024;

/// Returns the next `len` bytes of a file as a body. Small bodies are read and verified at once. Larger ones
/// are read in pieces, of which at most two are in memory; the first one is read now.
pub(crate) fn body_of(
    file: File,
    len: u64,
    sha256: Option<Sha256>,
    key: &str,
    pieces: &Pieces,
) -> Result<MediaBody, StorageError> {
    let whole = if sha256.is_some() { WHOLE } else { PIECE };
    let mut reading = Reading {
        file,
        left: len,
        hasher: sha256.map(|_| Sha256Hasher::new()),
        sha256,
        key: key.into(),
        pieces: pieces.clone(),
    };
    if len <= whole {
        return Ok(MediaBody::from_bytes(reading.piece(whole)?));
    }
    let first = reading.piece(PIECE)?;
    let stream = FileStream {
        next: State::Read(first, Box::new(reading)),
    };
    Ok(MediaBody::from_stored_stream(len, None, stream))
}

/// A file that is being read, and the hash that its bytes must have.
#[derive(Debug)]
struct Reading {
    file: File,
    left: u64,
    hasher: Option<Sha256Hasher>,
    sha256: Option<Sha256>,
    key: Box<str>,
    pieces: Pieces,
}

impl Reading {
    /// Returns the next bytes. Returns the last ones only if the hash matches.
    fn piece(&mut self, limit: u64) -> Result<Bytes, StorageError> {
        let corrupted = |reason: &'static str| {
            fail(StorageErrorKind::Corrupted, Operation::Retrieve)
                .with_key(&self.key)
                .with_reason(reason)
        };
        let wanted = self.left.min(limit);
        let mut bytes = self.pieces.take(usize::try_from(wanted).unwrap_or(0));
        (&self.file)
            .take(wanted)
            .read_to_end(&mut bytes)
            .map_err(|error| io_error(Operation::Retrieve, error).with_key(&self.key))?;
        if bytes.len() as u64 != wanted {
            return Err(corrupted("the file is shorter than its sidecar says"));
        }
        self.left -= wanted;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&bytes);
        }
        if self.left == 0
            && let Some(hasher) = self.hasher.take()
            && Some(hasher.finish()) != self.sha256
        {
            return Err(corrupted("the bytes do not match the SHA-256 of the media"));
        }
        Ok(self.pieces.lend(bytes))
    }
}

type ReadJob = JoinHandle<(Box<Reading>, Result<Bytes, StorageError>)>;

/// A stream over a large file. Each piece is read in a job of its own, one piece ahead of the reader.
struct FileStream {
    next: State,
}

enum State {
    Read(Bytes, Box<Reading>),
    Running(ReadJob),
    Ended,
}

fn read_next(mut reading: Box<Reading>) -> ReadJob {
    tokio::task::spawn_blocking(move || {
        let piece = reading.piece(PIECE);
        (reading, piece)
    })
}

impl Stream for FileStream {
    type Item = Result<Bytes, StorageError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match std::mem::replace(&mut self.next, State::Ended) {
            State::Ended => Poll::Ready(None),
            State::Read(first, reading) => {
                self.next = State::Running(read_next(reading));
                Poll::Ready(Some(Ok(first)))
            }
            State::Running(mut job) => {
                let Poll::Ready(joined) = Pin::new(&mut job).poll(cx) else {
                    self.next = State::Running(job);
                    return Poll::Pending;
                };
                let (reading, piece) = match joined {
                    Ok(read) => read,
                    Err(error) => {
                        let error = fail(StorageErrorKind::Unavailable, Operation::Retrieve)
                            .with_reason("the runtime is shutting down")
                            .with_source(error);
                        return Poll::Ready(Some(Err(error)));
                    }
                };
                if piece.is_ok() && reading.left > 0 {
                    self.next = State::Running(read_next(reading));
                }
                Poll::Ready(Some(piece))
            }
        }
    }
}
