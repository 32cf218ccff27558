//! Taking media over from another store under the id that it has there.

use std::io;
use std::sync::Arc;

use media_storage::backend::{CancelFlag, Digest};
use media_storage::layout::MediaToken;
use media_storage::{
    ImportKey, ImportOutcome, ImportUpload, Imported, Operation, Sidecar, StorageError,
    StorageErrorKind,
};
use media_types::Sha256;
use media_types::readable::causes;

use crate::directories::MediaDir;
use crate::error::{BACKEND, fail, io_error};
use crate::format;
use crate::key::join;
use crate::publish::{ATTEMPTS, place, settle, stage_sidecar, unshare};
use crate::relief::BlobRelief;
use crate::shared::Shared;
use crate::sidecar_file::{SidecarState, read_sidecar};
use crate::staging::Entry;
use crate::sys;
use crate::upload::{Incoming, OffRuntime, next_batch};

/// Media that is to be taken over, and where it goes.
#[derive(Clone, Debug)]
struct Plan {
    entry: media_storage::Entry,
    key: ImportKey,
    sha256: Sha256,
}

pub(crate) async fn import(
    shared: &Arc<Shared>,
    upload: ImportUpload,
) -> Result<Imported, StorageError> {
    let (entry, body) = upload.into_parts();
    let key = ImportKey::check(&entry, shared.format.case)?;
    let Some(sha256) = entry.reference.sha256() else {
        return Err(fail(StorageErrorKind::InvalidInput, Operation::Import)
            .with_reason("the hash is not known"));
    };
    let plan = Arc::new(Plan { entry, key, sha256 });
    let looked = Arc::clone(&plan);
    let present = shared
        .run(Operation::Import, move |shared| looked.is_present(shared))
        .await?;
    if present {
        return plan.imported(shared, ImportOutcome::Present);
    }
    let cancelled = CancelFlag::new();
    let _guard = cancelled.cancel_on_drop();
    let begun = Arc::clone(&plan);
    let mut held = shared
        .run(Operation::Import, move |shared| {
            format::note(
                shared.own(),
                begun.key.organization,
                shared.config.permissions,
            )?;
            let id = MediaToken::parse(begun.key.file.id())
                .ok_or_else(|| begun.refuse("the id has no token"))?;
            Incoming::begin_as(shared, id).map(|incoming| OffRuntime(Some(incoming)))
        })
        .await?;
    let mut stream = body.into_stream();
    let mut seen = 0;
    loop {
        let (batch, ended) =
            next_batch(&mut stream, &mut seen, shared.config.max_media_size).await?;
        held = shared
            .run(Operation::Import, move |shared| {
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
    let finished = Arc::clone(&plan);
    let outcome = shared
        .run(Operation::Import, move |shared| {
            let incoming = held
                .0
                .take()
                .ok_or_else(|| finished.refuse("the upload was taken back"))?;
            let (entry, digest) = incoming.acquire(shared, Some(finished.sha256))?;
            finished.publish(shared, entry, digest, &cancelled)
        })
        .await?;
    plan.imported(shared, outcome)
}

impl Plan {
    fn refuse(&self, reason: &'static str) -> StorageError {
        fail(StorageErrorKind::InvalidInput, Operation::Import)
            .with_key(self.entry.reference.id())
            .with_reason(reason)
    }

    fn directory(&self) -> String {
        self.key.directories.join("/")
    }

    fn sidecar(&self, shared: &Shared, size: u64) -> Sidecar {
        let retention = shared.config.default_retention;
        Sidecar::imported(&self.entry, size, self.sha256, retention)
    }

    fn imported(&self, shared: &Shared, outcome: ImportOutcome) -> Result<Imported, StorageError> {
        let size = self.entry.reference.size().unwrap_or_default();
        let reference = self
            .sidecar(shared, size)
            .reference(BACKEND, shared.config.name.as_deref())?;
        Ok(Imported::new(reference, outcome))
    }

    /// Whether the sidecar at the id is one of this media; an error where it is of other media.
    fn is_described(&self, state: &SidecarState) -> Result<bool, StorageError> {
        let size = self.entry.reference.size();
        match state {
            SidecarState::Absent => Ok(false),
            SidecarState::Valid(sidecar)
                if sidecar.sha256 == self.sha256
                    && size.is_none_or(|size| size == sidecar.size_bytes) =>
            {
                Ok(true)
            }
            _ => Err(self.refuse("the id is in use for other media")),
        }
    }

    fn is_present(&self, shared: &Shared) -> Result<bool, StorageError> {
        let io = |error| io_error(Operation::Import, error);
        let path = join(&self.directory(), self.key.file.as_str());
        match sys::stat(shared.base(), &path) {
            Err(error) if sys::is_absence(&error) => return Ok(false),
            other => other.map_err(io)?,
        };
        let beside = join(&self.directory(), &self.key.file.sidecar());
        let state = read_sidecar(shared.base(), &beside, &self.key.file).map_err(io)?;
        if !self.is_described(&state)? {
            return Err(self.refuse("there is media without a sidecar under the id"));
        }
        let kept = shared.directories.current(&self.directory());
        match kept.and_then(|directory| self.keep(shared, &directory)) {
            // Deleted, or moved away, at this moment.
            Err(error) if sys::is_stale(&error) => Ok(false),
            other => other.map(|()| true).map_err(io),
        }
    }

    /// Makes media that was there before as durable as an import has to be.
    fn keep(&self, shared: &Shared, directory: &MediaDir) -> io::Result<()> {
        if shared.is_synced() {
            // Whoever stored it may not have waited for the disk.
            for name in [self.key.file.as_str(), &self.key.file.sidecar()] {
                sys::open_file(directory.dir(), name)?.sync_all()?;
            }
            directory.sync()?;
        }
        match shared.directories.is_current(directory)? {
            true => Ok(()),
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Gives the staged bytes their names: the sidecar's, then the media's, never over another.
    fn publish(
        &self,
        shared: &Shared,
        entry: Entry,
        digest: Digest,
        cancelled: &CancelFlag,
    ) -> Result<ImportOutcome, StorageError> {
        let io = |error| io_error(Operation::Import, error);
        let sidecar = self.sidecar(shared, digest.len);
        let mut relief = BlobRelief::new(&shared.blobs, &shared.relief);
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                let _ = entry.dir().remove_file(entry.sidecar());
            }
            stage_sidecar(shared, &entry, &sidecar, &mut relief)?;
            let directory = shared.directories.create(&self.directory()).map_err(io)?;
            cancelled.check()?;
            match self.publish_into(shared, &entry, &directory, &sidecar) {
                Ok(outcome) => return Ok(outcome),
                // Somebody removed the directory while it was empty, or moved it.
                Err(error) if sys::is_stale(&error) => {
                    shared.directories.forget(&directory);
                }
                Err(error) if sys::is_too_many_links(&error) => unshare(shared, &entry, digest)?,
                Err(error) => match error.downcast::<StorageError>() {
                    Ok(error) => return Err(error),
                    Err(error) => return Err(io(error)),
                },
            }
        }
        Err(io(io::ErrorKind::ResourceBusy.into()))
    }

    fn publish_into(
        &self,
        shared: &Shared,
        entry: &Entry,
        directory: &MediaDir,
        sidecar: &Sidecar,
    ) -> io::Result<ImportOutcome> {
        let (dir, name) = (directory.dir(), self.key.file.as_str());
        let meta = self.key.file.sidecar();
        let ours = match place(entry.dir(), &entry.sidecar(), dir, &meta) {
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // Of an import that was interrupted, or that runs at this moment. While our entry
                // is staged no sweep takes it away.
                let state = read_sidecar(dir, &meta, &self.key.file)?;
                match self.is_described(&state).map_err(io::Error::other)? {
                    true => false,
                    // Gone again.
                    false => return Err(io::ErrorKind::NotFound.into()),
                }
            }
            Err(error) => return Err(error),
        };
        let undo = || {
            if ours {
                let _ = dir.remove_file(&meta);
            }
        };
        if let Some(at) = sidecar.expires_at
            && let Err(error) = shared
                .expiry
                .add(dir, &meta, self.key.file.id(), at, sidecar)
        {
            // A hint only: a full sweep makes it again.
            tracing::debug!(error = %causes(&error), "expiry could not be noted");
        }
        let placed = place(entry.dir(), entry.bytes(), dir, name);
        if let Err(error) = &placed
            && error.kind() == io::ErrorKind::AlreadyExists
        {
            return self
                .keep(shared, directory)
                .map(|()| ImportOutcome::Present);
        }
        match placed.and_then(|_| settle(shared, directory, name, Operation::Import)) {
            Ok(()) => Ok(ImportOutcome::Stored),
            Err(error) => {
                undo();
                Err(error)
            }
        }
    }
}
