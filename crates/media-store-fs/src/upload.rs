//! Storing a body.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use media_storage::backend::{
    CancelFlag, Digest, PendingReference, check_expected_sha256, check_size,
};
use media_storage::layout::MediaToken;
use media_storage::{
    BodyData, ByteStream, MediaUpload, Operation, Sha256Hasher, StorageError, StorageErrorKind,
    UploadParts,
};
use media_types::{Sha256, StorageReference};

use crate::blobs::{self, Source};
use crate::error::{fail, io_error};
use crate::intake::{PIECE, Relief as _, Whole, write_all};
use crate::options::Deduplication;
use crate::pending::{off_runtime, pending};
use crate::publish::{Description, publish, warn_if_copied};
use crate::relief::BlobRelief;
use crate::shared::Shared;
use crate::staging::Entry;
use crate::sys;

pub(crate) async fn store(
    shared: &Arc<Shared>,
    upload: MediaUpload,
) -> Result<StorageReference, StorageError> {
    shared.check_writable(Operation::Store)?;
    let UploadParts {
        mime,
        body,
        metadata,
        expected_sha256: expected,
        ..
    } = upload.into_parts();
    let organization = shared.config.organization;
    let directories = organization
        .directories(&metadata, shared.format.case)
        .map_err(|error| error.with_backend(crate::error::BACKEND))?;
    let description = Description {
        mime,
        metadata,
        directories,
    };
    let cancelled = CancelFlag::new();
    let _guard = cancelled.cancel_on_drop();
    let pending = match body.into_data() {
        BodyData::Bytes(bytes) => {
            let whole = Whole::Bytes(bytes);
            store_whole(shared, whole, description, expected, cancelled).await?
        }
        BodyData::Base64(text) => {
            let whole = Whole::Base64(text);
            store_whole(shared, whole, description, expected, cancelled).await?
        }
        BodyData::Stream { len, stream } => {
            check_size(len.unwrap_or(0), shared.config.max_media_size)?;
            store_stream(shared, stream, description, expected, cancelled).await?
        }
        _ => {
            return Err(fail(StorageErrorKind::Unsupported, Operation::Store)
                .with_reason("this kind of body is not supported"));
        }
    };
    Ok(pending.claim())
}

async fn store_whole(
    shared: &Arc<Shared>,
    whole: Whole,
    description: Description,
    expected: Option<Sha256>,
    cancelled: CancelFlag,
) -> Result<PendingReference, StorageError> {
    let limit = shared.config.max_media_size;
    check_size(whole.len_against(limit), limit)?;
    shared
        .run(Operation::Store, move |shared| {
            let entry = staged_entry(shared)?;
            let digest = match shared.config.deduplication {
                Deduplication::On => {
                    let (whole, digest) = whole.digest(limit)?;
                    check_expected_sha256(expected, digest)?;
                    let source = Source::Whole(&whole);
                    let mut relief = BlobRelief::new(&shared.blobs, &shared.relief);
                    let acquired = shared.blobs.acquire(&entry, digest, &source, &mut relief)?;
                    warn_if_copied(shared, acquired);
                    digest
                }
                Deduplication::Off => write_whole(shared, &entry, &whole, expected)?,
            };
            let reference = publish(shared, entry, digest, &description, &cancelled)?;
            Ok(pending(shared, reference))
        })
        .await
}

/// Decodes, hashes and writes a body in one pass.
fn write_whole(
    shared: &Shared,
    entry: &Entry,
    whole: &Whole,
    expected: Option<Sha256>,
) -> Result<Digest, StorageError> {
    let mut relief = BlobRelief::new(&shared.blobs, &shared.relief);
    let mode = shared.config.permissions.media_mode();
    let file = blobs::create(entry, entry.bytes(), mode, &mut relief)?;
    let mut hasher = Sha256Hasher::new();
    whole.pieces(|piece| {
        hasher.update(piece);
        check_size(hasher.len(), shared.config.max_media_size)?;
        write_all(&file, piece, &mut relief)
    })?;
    let digest = Digest::of(hasher);
    check_expected_sha256(expected, digest)?;
    if shared.is_synced() {
        file.sync_all()
            .map_err(|error| io_error(Operation::Store, error))?;
    }
    Ok(digest)
}

/// Creates a staged entry. If the staging directory was removed by hand, it is created again.
pub(crate) fn staged_entry(shared: &Shared) -> Result<Entry, StorageError> {
    let entry = match shared.stagings.entry() {
        Err(error)
            if error.kind() == StorageErrorKind::DiskSpace
                && BlobRelief::new(&shared.blobs, &shared.relief).relieve() =>
        {
            shared.stagings.entry()?
        }
        other => other?,
    };
    if sys::is_removed(entry.dir()) {
        shared.stagings.reset();
        return shared.stagings.entry();
    }
    Ok(entry)
}

/// A stream that is being written to a staged file.
#[derive(Debug)]
pub(crate) struct Incoming {
    entry: Entry,
    file: File,
    hasher: Sha256Hasher,
}

impl Incoming {
    fn begin(shared: &Shared) -> Result<Self, StorageError> {
        Self::begin_in(shared, staged_entry(shared)?)
    }

    /// Begins under a given id.
    pub(crate) fn begin_as(shared: &Shared, id: MediaToken) -> Result<Self, StorageError> {
        // Creates the staging directory again if it was removed by hand.
        drop(staged_entry(shared)?);
        Self::begin_in(shared, shared.stagings.entry_of(id)?)
    }

    fn begin_in(shared: &Shared, entry: Entry) -> Result<Self, StorageError> {
        let mut relief = BlobRelief::new(&shared.blobs, &shared.relief);
        let mode = shared.config.permissions.media_mode();
        let file = blobs::create(&entry, entry.bytes(), mode, &mut relief)?;
        Ok(Self {
            entry,
            file,
            hasher: Sha256Hasher::new(),
        })
    }

    pub(crate) fn write(&mut self, shared: &Shared, pieces: &[Bytes]) -> Result<(), StorageError> {
        let mut relief = BlobRelief::new(&shared.blobs, &shared.relief);
        for piece in pieces {
            self.hasher.update(piece);
            check_size(self.hasher.len(), shared.config.max_media_size)?;
            write_all(&self.file, piece, &mut relief)?;
        }
        Ok(())
    }

    fn finish(
        self,
        shared: &Arc<Shared>,
        description: &Description,
        expected: Option<Sha256>,
        cancelled: &CancelFlag,
    ) -> Result<PendingReference, StorageError> {
        let (entry, digest) = self.acquire(shared, expected)?;
        let reference = publish(shared, entry, digest, description, cancelled)?;
        Ok(pending(shared, reference))
    }

    /// Checks what was staged, and shares or syncs it.
    pub(crate) fn acquire(
        self,
        shared: &Shared,
        expected: Option<Sha256>,
    ) -> Result<(Entry, Digest), StorageError> {
        let digest = Digest::of(self.hasher);
        check_expected_sha256(expected, digest)?;
        if shared.config.deduplication == Deduplication::On {
            let source = Source::Staged(&self.file);
            let mut relief = BlobRelief::new(&shared.blobs, &shared.relief);
            let acquired = shared
                .blobs
                .acquire(&self.entry, digest, &source, &mut relief)?;
            warn_if_copied(shared, acquired);
        } else if shared.is_synced() {
            self.file
                .sync_all()
                .map_err(|error| io_error(Operation::Store, error))?;
        }
        drop(self.file);
        Ok((self.entry, digest))
    }
}

/// A wrapper of what must not be dropped on a thread of the runtime, because dropping it does I/O.
pub(crate) struct OffRuntime(pub(crate) Option<Incoming>);

impl Drop for OffRuntime {
    fn drop(&mut self) {
        if let Some(incoming) = self.0.take() {
            off_runtime(move || drop(incoming));
        }
    }
}

async fn store_stream(
    shared: &Arc<Shared>,
    mut stream: ByteStream,
    description: Description,
    expected: Option<Sha256>,
    cancelled: CancelFlag,
) -> Result<PendingReference, StorageError> {
    let begun = shared.run(Operation::Store, |shared| {
        Incoming::begin(shared).map(|incoming| OffRuntime(Some(incoming)))
    });
    let mut held = begun.await?;
    let mut seen = 0;
    loop {
        let (batch, ended) =
            next_batch(&mut stream, &mut seen, shared.config.max_media_size).await?;
        held = shared
            .run(Operation::Store, move |shared| {
                if let Some(incoming) = &mut held.0 {
                    incoming.write(shared, &batch)?;
                }
                Ok(held)
            })
            .await?;
        if ended {
            break;
        }
    }
    shared
        .run(Operation::Store, move |shared| {
            let incoming = held.0.take().ok_or_else(|| {
                fail(StorageErrorKind::Other, Operation::Store)
                    .with_reason("the upload was cancelled")
            })?;
            incoming.finish(shared, &description, expected, &cancelled)
        })
        .await
}

/// Collects enough of a stream to be worth a job. Returns also whether the stream has ended.
pub(crate) async fn next_batch(
    stream: &mut ByteStream,
    seen: &mut u64,
    limit: u64,
) -> Result<(Vec<Bytes>, bool), StorageError> {
    let (mut batch, mut len) = (Vec::new(), 0);
    while len < PIECE {
        match media_storage::next(stream).await {
            Some(piece) => {
                let piece = piece?;
                *seen += piece.len() as u64;
                check_size(*seen, limit)?;
                len += piece.len();
                batch.push(piece);
            }
            None => return Ok((batch, true)),
        }
    }
    Ok((batch, false))
}
