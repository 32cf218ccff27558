//! Reading stored media back, verified.

use std::fs::File;
use std::future::Future as _;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use chrono::Utc;
use futures_core::Stream;
use media_storage::layout::{FileName, parse_media_key};
use media_storage::{
    MAX_SIDECAR_LEN, MediaBody, Operation, RetrieveOptions, Sha256Hasher, Sidecar, StorageError,
    StorageErrorKind, StoredMedia, Verification,
};
use media_types::{Mime, Sha256, StorageReference};
use tokio::task::JoinHandle;

use crate::error::{fail, io_error};
use crate::shared::Shared;
use crate::sys;

/// Media up to this size is read and verified in one job and handed over whole.
const WHOLE: u64 = 1024 * 1024;
/// How many bytes of larger media are read at a time; two such pieces are in memory at most.
const PIECE: u64 = 256 * 1024;

/// A key of this store, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) directory: String,
    pub(crate) file: FileName,
}

impl Key {
    /// The id of a reference, if it can be one of media here.
    pub(crate) fn parse(id: &str, operation: Operation) -> Result<Self, StorageError> {
        let (directories, file) = parse_media_key(id).ok_or_else(|| {
            fail(StorageErrorKind::InvalidRef, operation)
                .with_key(id)
                .with_reason("the id is not one of media")
        })?;
        Ok(Self {
            directory: directories.join("/"),
            file,
        })
    }

    pub(crate) fn path(&self) -> String {
        join(&self.directory, self.file.as_str())
    }

    pub(crate) fn sidecar_path(&self) -> String {
        join(&self.directory, &self.file.sidecar())
    }
}

pub(crate) fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() {
        name.to_owned()
    } else {
        format!("{directory}/{name}")
    }
}

/// What lies where a sidecar should be.
#[derive(Debug)]
pub(crate) enum SidecarState {
    Good(Box<Sidecar>),
    Absent,
    /// There is something, and it is no sidecar of this media.
    Damaged(StorageError),
}

/// Reads the sidecar of a file, by the path of the sidecar.
pub(crate) fn read_sidecar(
    base: &cap_std::fs::Dir,
    path: &str,
    file: &FileName,
) -> io::Result<SidecarState> {
    let damaged = |error| Ok(SidecarState::Damaged(error));
    let opened = match sys::open_file(base, path) {
        Ok(opened) => opened,
        Err(error) if sys::is_absence(&error) => return Ok(SidecarState::Absent),
        Err(error) => match io_error(Operation::Retrieve, error) {
            error if error.kind() == StorageErrorKind::Corrupted => return damaged(error),
            error => return Err(io::Error::other(error)),
        },
    };
    let not_a_file = || {
        damaged(
            fail(StorageErrorKind::Corrupted, Operation::Retrieve)
                .with_reason("the sidecar is no file"),
        )
    };
    if !sys::stat_file(&opened)?.is_file {
        return not_a_file();
    }
    let mut json = Vec::with_capacity(1024);
    match opened.take(MAX_SIDECAR_LEN + 1).read_to_end(&mut json) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => return not_a_file(),
        Err(error) => return Err(error),
    }
    match Sidecar::from_json(&json) {
        // A session directory may have been moved; a sidecar of another file is no sidecar.
        Ok(sidecar) if sidecar.id.rsplit('/').next() == Some(file.as_str()) => {
            Ok(SidecarState::Good(Box::new(sidecar)))
        }
        Ok(_) => damaged(
            fail(StorageErrorKind::Corrupted, Operation::Retrieve)
                .with_reason("the sidecar is of other media"),
        ),
        Err(error) => damaged(error),
    }
}

/// What is known of media before its bytes are read.
struct Known {
    mime: Mime,
    size: u64,
    sha256: Sha256,
    sidecar: Option<Box<Sidecar>>,
}

pub(crate) fn retrieve(
    shared: &Shared,
    reference: &StorageReference,
    options: &RetrieveOptions,
) -> Result<StoredMedia, StorageError> {
    let operation = Operation::Retrieve;
    shared.check_reference(reference, operation)?;
    let key = Key::parse(reference.id(), operation)?;
    let io = |error| shared.io(operation, reference.id(), error);
    let known = know(shared, &key, reference, options)?;
    let corrupted = |reason: &'static str| {
        fail(StorageErrorKind::Corrupted, operation)
            .with_key(reference.id())
            .with_reason(reason)
    };
    let mut file = sys::open_file(shared.base(), &key.path()).map_err(io)?;
    let stat = sys::stat_file(&file).map_err(io)?;
    if !stat.is_file {
        return Err(corrupted("it is no file"));
    }
    if stat.len != known.size {
        return Err(corrupted("the size is not what it was"));
    }
    let verification = options.verification().unwrap_or(shared.config.verification);
    let sha256 = match verification {
        Verification::SizeOnly => None,
        _ => Some(known.sha256),
    };
    let body = match options.range() {
        _ if options.head() => MediaBody::from_bytes(Bytes::new()),
        Some(range) => {
            let start = range.start.min(known.size);
            let len = range.end.min(known.size).saturating_sub(start);
            file.seek(SeekFrom::Start(start)).map_err(io)?;
            body_of(file, len, None, reference.id())?
        }
        None => body_of(file, known.size, sha256, reference.id())?,
    };
    let mut media = StoredMedia::new(known.mime, known.size, body).with_sha256(known.sha256);
    if let Some(sidecar) = known.sidecar {
        media = media
            .with_metadata(sidecar.metadata())
            .with_stored_at(sidecar.stored_at)
            .with_expires_at(sidecar.expires_at);
    }
    Ok(media)
}

/// Type, size and hash: by the sidecar, or without one by the reference.
fn know(
    shared: &Shared,
    key: &Key,
    reference: &StorageReference,
    options: &RetrieveOptions,
) -> Result<Known, StorageError> {
    let operation = Operation::Retrieve;
    let state = read_sidecar(shared.base(), &key.sidecar_path(), &key.file)
        .map_err(|error| shared.io(operation, reference.id(), error))?;
    let damage = match state {
        SidecarState::Good(sidecar) => {
            sidecar
                .admit(reference, options.expected_scope(), Utc::now(), operation)
                .map_err(|error| error.with_backend(crate::error::BACKEND))?;
            return Ok(Known {
                mime: sidecar.mime_type.clone(),
                size: sidecar.size_bytes,
                sha256: sidecar.sha256,
                sidecar: Some(sidecar),
            });
        }
        SidecarState::Absent => None,
        SidecarState::Damaged(error) => Some(error),
    };
    // Whose media this is cannot be told any more.
    if options.expected_scope().is_some() {
        return Err(shared.absent(operation, reference.id()));
    }
    match (reference.size(), reference.sha256()) {
        (Some(size), Some(sha256)) => Ok(Known {
            mime: Mime::from_extension(key.file.extension()).unwrap_or(Mime::OCTET_STREAM),
            size,
            sha256,
            sidecar: None,
        }),
        _ => Err(match damage {
            Some(error) => error
                .with_backend(crate::error::BACKEND)
                .with_key(reference.id()),
            None => shared.absent(operation, reference.id()),
        }),
    }
}

/// The next `len` bytes of a file; small ones at once, verified before they are handed over.
fn body_of(
    file: File,
    len: u64,
    sha256: Option<Sha256>,
    key: &str,
) -> Result<MediaBody, StorageError> {
    let mut reading = Reading {
        file,
        left: len,
        hasher: sha256.map(|_| Sha256Hasher::new()),
        sha256,
        key: key.into(),
    };
    if len > WHOLE {
        let stream = FileStream {
            next: State::Idle(Box::new(reading)),
        };
        return Ok(MediaBody::from_stored_stream(len, None, stream));
    }
    Ok(MediaBody::from_bytes(reading.piece(WHOLE)?))
}

/// A file that is being read, and what its bytes must be.
#[derive(Debug)]
struct Reading {
    file: File,
    left: u64,
    hasher: Option<Sha256Hasher>,
    sha256: Option<Sha256>,
    key: Box<str>,
}

impl Reading {
    /// The next bytes; the last of them only if the hash is right.
    fn piece(&mut self, limit: u64) -> Result<Bytes, StorageError> {
        let corrupted = |reason: &'static str| {
            fail(StorageErrorKind::Corrupted, Operation::Retrieve)
                .with_key(&self.key)
                .with_reason(reason)
        };
        let wanted = self.left.min(limit);
        let mut bytes = Vec::with_capacity(usize::try_from(wanted).unwrap_or(0));
        (&self.file)
            .take(wanted)
            .read_to_end(&mut bytes)
            .map_err(|error| io_error(Operation::Retrieve, error).with_key(&self.key))?;
        if bytes.len() as u64 != wanted {
            return Err(corrupted("shorter than it was"));
        }
        self.left -= wanted;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&bytes);
        }
        if self.left == 0
            && let Some(hasher) = self.hasher.take()
            && Some(hasher.finish()) != self.sha256
        {
            return Err(corrupted("the bytes are not those of its hash"));
        }
        Ok(bytes.into())
    }
}

type ReadJob = JoinHandle<(Box<Reading>, Result<Bytes, StorageError>)>;

/// Reads a large file piece by piece, each in a job of its own, one piece ahead of the reader.
struct FileStream {
    next: State,
}

enum State {
    Idle(Box<Reading>),
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
        loop {
            match std::mem::replace(&mut self.next, State::Ended) {
                State::Ended => return Poll::Ready(None),
                State::Idle(reading) => self.next = State::Running(read_next(reading)),
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
                    return Poll::Ready(Some(piece));
                }
            }
        }
    }
}
