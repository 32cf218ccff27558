//! A file on its way into the cache. All of it blocks.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::Arc;

use bytes::Bytes;
use media_storage::Sha256Hasher;
use tokio::sync::OwnedSemaphorePermit;

use super::disk::Disk;
use super::flight::Claim;
use super::index::Entry;
use super::key::FileName;
use super::ledger::Reservation;
use super::slot::Identity;

/// A file that is being filled. Dropped before it is committed, it leaves nothing.
#[derive(Debug)]
pub(super) struct Filling {
    disk: Arc<Disk>,
    name: FileName,
    file: File,
    hasher: Sha256Hasher,
    reservation: Option<Reservation>,
    committed: bool,
    // Released last, when the file is gone or in its place.
    claim: Claim,
    _permit: OwnedSemaphorePermit,
}

impl Filling {
    /// Makes room and a file; none where there is no room.
    pub(super) fn begin(
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
            tracing::warn!(%error, "the read cache takes no file");
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

    /// Adds bytes, never beyond what was reserved.
    pub(super) fn write(&mut self, pieces: &[Bytes]) -> io::Result<()> {
        for piece in pieces {
            self.hasher.update(piece);
            if self.hasher.len() > self.name.key.size {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.file.write_all(piece).inspect_err(|error| {
                tracing::warn!(%error, "the read cache could not be written to");
            })?;
        }
        Ok(())
    }

    /// Gives the file its name and takes it in, if its bytes are those of its hash.
    pub(super) fn commit(mut self) -> io::Result<()> {
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
                tracing::debug!(size = key.size, "media entered the read cache");
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
            tracing::warn!(%error, "a file that was begun stays until the next start");
            if let Some(reservation) = &self.reservation {
                reservation.keep();
            }
        }
    }
}

/// Puts bytes that are whole into the cache.
pub(super) fn fill_whole(
    disk: &Arc<Disk>,
    claim: Claim,
    permit: OwnedSemaphorePermit,
    bytes: &Bytes,
) {
    // What fails has told so, and leaves the bytes to the store.
    let Ok(Some(mut filling)) = Filling::begin(disk, claim, permit) else {
        return;
    };
    if filling.write(std::slice::from_ref(bytes)).is_ok() {
        let _ = filling.commit();
    }
}
