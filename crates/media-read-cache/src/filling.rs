//! A file that is being filled. All functions block.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::Arc;

use bytes::Bytes;
use media_storage::Sha256Hasher;
use media_types::readable::causes;
use tokio::sync::OwnedSemaphorePermit;

use crate::disk::Disk;
use crate::entry::Entry;
use crate::index::Claim;
use crate::key::FileName;
use crate::ledger::Reservation;
use crate::slot::Identity;

/// A file that is being filled. Dropping it before [`commit`](Self::commit) removes the file.
#[derive(Debug)]
pub(crate) struct Filling {
    disk: Arc<Disk>,
    name: FileName,
    file: File,
    hasher: Sha256Hasher,
    reservation: Option<Reservation>,
    committed: bool,
    // Released last, after the file was removed or renamed.
    claim: Claim,
    _permit: OwnedSemaphorePermit,
}

impl Filling {
    /// Reserves room and creates a file. Returns `None` if there is not enough room.
    pub(crate) fn begin(
        disk: &Arc<Disk>,
        claim: Claim,
        permit: OwnedSemaphorePermit,
    ) -> io::Result<Option<Self>> {
        let key = claim.key();
        let Some(reservation) = disk.reserve(key.size) else {
            return Ok(None);
        };
        let name = disk.slot.new_name(key);
        let file = disk.slot.create(&name).inspect_err(|error| {
            disk.counters.abandoned.add(1);
            tracing::warn!(error = %causes(&error), "failed to create a file of the read cache");
        })?;
        Ok(Some(Self {
            disk: Arc::clone(disk),
            name,
            file,
            hasher: Sha256Hasher::new(),
            reservation: Some(reservation),
            committed: false,
            claim,
            _permit: permit,
        }))
    }

    /// Appends bytes, up to the size that was reserved.
    pub(crate) fn write(&mut self, pieces: &[Bytes]) -> io::Result<()> {
        for piece in pieces {
            self.hasher.update(piece);
            if self.hasher.len() > self.name.key.size {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.file.write_all(piece).inspect_err(|error| {
                tracing::warn!(error = %causes(&error), "failed to write to a file of the read cache");
            })?;
        }
        Ok(())
    }

    /// Renames the file and adds it to the index, if its bytes match its hash.
    pub(crate) fn commit(mut self) -> io::Result<()> {
        let key = self.name.key;
        let hasher = std::mem::take(&mut self.hasher);
        if hasher.len() != key.size || hasher.finish() != key.sha256 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let identity = Identity::of(&self.file)?;
        self.disk.slot.publish(&self.name)?;
        self.committed = true;
        let Some(reservation) = self.reservation.take() else {
            return Ok(());
        };
        let entry = Entry::new(self.name, reservation, Some(identity));
        match self.disk.index.insert(entry, &self.claim) {
            Ok(replaced) => {
                self.disk.counters.filled.add(1);
                tracing::debug!(size = key.size, "added media to the read cache");
                if let Some(replaced) = replaced {
                    self.disk.unlink(&replaced);
                }
            }
            Err(unwanted) => {
                self.disk.counters.abandoned.add(1);
                self.disk.unlink(&unwanted);
            }
        }
        Ok(())
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        if self.committed {
            return;
        }
        self.disk.counters.abandoned.add(1);
        if let Err(error) = self.disk.slot.remove_filling(&self.name) {
            tracing::warn!(error = %causes(&error), "failed to remove an unfinished file; the next start removes it");
            if let Some(reservation) = &self.reservation {
                reservation.keep();
            }
        }
    }
}

/// Adds a whole body to the cache.
pub(crate) fn fill_whole(
    disk: &Arc<Disk>,
    claim: Claim,
    permit: OwnedSemaphorePermit,
    bytes: &Bytes,
) {
    // Failures are logged where they occur; the bytes remain in the store.
    let Ok(Some(mut filling)) = Filling::begin(disk, claim, permit) else {
        return;
    };
    if filling.write(std::slice::from_ref(bytes)).is_ok() {
        let _ = filling.commit();
    }
}
