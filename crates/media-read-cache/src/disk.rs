//! The files of the cache together with their index. All functions block.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use media_storage::Sha256Hasher;
use media_types::readable::causes;

use crate::entry::Entry;
use crate::index::{Claim, Index};
use crate::key::FileName;
use crate::ledger::{Reservation, charge};
use crate::slot::{Identity, Slot, note_use};
use crate::stats::{CacheStats, Counters};

/// Size, in bytes, up to which bodies are read whole and verified before the first byte is served.
pub(crate) const WHOLE: u64 = 1024 * 1024;
/// Number of bytes of a larger body that are read at a time.
pub(crate) const PIECE: usize = 256 * 1024;

#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) slot: Slot,
    pub(crate) index: Arc<Index>,
    pub(crate) counters: Counters,
}

/// Result of opening a file of the cache.
#[derive(Debug)]
pub(crate) enum Opened {
    /// The requested bytes.
    Whole(Bytes),
    /// A verified file, to be read in pieces.
    File(File),
    /// This process has not hashed the file in its current state.
    Unverified,
    /// The file was missing, or was damaged and has been removed.
    Gone,
}

impl Disk {
    /// Opens a directory and rebuilds the index from the files in it.
    pub(crate) fn open(path: &Path, capacity: u64) -> io::Result<Self> {
        let disk = Self {
            slot: Slot::open(path)?,
            index: Index::new(capacity),
            counters: Counters::default(),
        };
        let mut found = disk.slot.scan()?;
        found.sort_by_key(|file| (file.used, file.name.number));
        for file in found {
            let bytes = disk.index.ledger().found(charge(file.name.key.size));
            let replaced = disk.index.insert_found(Entry::new(file.name, bytes, None));
            if let Some(replaced) = replaced {
                disk.unlink(&replaced);
            }
        }
        let excess = disk.index.ledger().used().saturating_sub(capacity);
        for entry in disk.index.oldest(excess) {
            disk.unlink(&entry);
            disk.counters.evictions.add(1);
        }
        Ok(disk)
    }

    /// Removes the file of an entry that has left the index. Returns whether it was removed.
    pub(crate) fn unlink(&self, entry: &Arc<Entry>) -> bool {
        let removed = self.slot.remove(entry.name());
        if let Err(error) = &removed {
            tracing::warn!(error = %causes(&error), "failed to remove a file of the read cache");
            entry.keep_charge();
        }
        removed.is_ok()
    }

    /// Removes an entry and its file.
    pub(crate) fn discard(&self, entry: &Arc<Entry>) -> bool {
        self.index.remove(entry);
        self.unlink(entry)
    }

    /// Removes an entry whose bytes do not match its name.
    pub(crate) fn discard_damaged(&self, entry: &Arc<Entry>) {
        self.counters.damaged.add(1);
        tracing::warn!(
            size = entry.name().key.size,
            "removed a damaged file from the read cache"
        );
        self.discard(entry);
    }

    /// Reserves room for a file of this size, evicting others if necessary.
    pub(crate) fn reserve(&self, size: u64) -> Option<Reservation> {
        self.index.reserve(size, |name: &FileName| {
            let removed = self.slot.remove(name);
            match &removed {
                Ok(()) => self.counters.evictions.add(1),
                Err(error) => {
                    tracing::warn!(error = %causes(&error), "failed to evict a file of the read cache");
                }
            }
            removed.is_ok()
        })
    }

    /// Opens a file for a range. Small ranges are read at once, and hashed if `hash` says so.
    pub(crate) fn open_entry(
        &self,
        entry: &Arc<Entry>,
        range: &Range<u64>,
        hash: Hash,
    ) -> io::Result<Opened> {
        let key = entry.name().key;
        let mut file = match self.slot.read(entry.name()) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.discard(entry);
                return Ok(Opened::Gone);
            }
            Err(error) => return Err(error),
        };
        let identity = Identity::of(&file)?;
        if identity.len != key.size {
            self.discard_damaged(entry);
            return Ok(Opened::Gone);
        }
        if entry.verified() != Some(identity) {
            return Ok(Opened::Unverified);
        }
        note_use(&file);
        file.seek(SeekFrom::Start(range.start))?;
        let len = range.end - range.start;
        if len > WHOLE {
            return Ok(Opened::File(file));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
        file.take(len).read_to_end(&mut bytes)?;
        let damaged = bytes.len() as u64 != len
            || hash == Hash::Body && Sha256Hasher::digest(&bytes) != key.sha256;
        if damaged {
            self.discard_damaged(entry);
            return Ok(Opened::Gone);
        }
        Ok(Opened::Whole(bytes.into()))
    }

    /// Hashes all of a file; the result is remembered until the file is written to.
    pub(crate) fn verify(&self, entry: &Arc<Entry>, claim: &Claim) -> io::Result<()> {
        let key = entry.name().key;
        let mut file = self.slot.read(entry.name())?;
        let identity = Identity::of(&file)?;
        let mut hasher = Sha256Hasher::new();
        let mut piece = vec![0; PIECE];
        loop {
            let read = match file.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hasher.update(piece.get(..read).unwrap_or_default());
            claim.flight().advance(read as u64);
        }
        let whole = hasher.len() == key.size && hasher.finish() == key.sha256;
        // A file that was written to during the check is hashed again next time.
        if !whole {
            self.discard_damaged(entry);
        } else if Identity::of(&file)? == identity {
            entry.set_verified(identity);
        }
        Ok(())
    }

    pub(crate) fn stats(&self) -> CacheStats {
        let counters = &self.counters;
        CacheStats {
            hits: counters.hits.get(),
            misses: counters.misses.get(),
            hit_bytes: counters.hit_bytes.get(),
            filled: counters.filled.get(),
            abandoned: counters.abandoned.get(),
            evictions: counters.evictions.get(),
            damaged: counters.damaged.get(),
            entries: self.index.len() as u64,
            bytes: self.index.ledger().used(),
        }
    }
}

/// Whether to hash the bytes that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    /// The whole body is read, and hashed.
    Body,
    /// Only a part is read, or the caller asked for the size to be checked only.
    Nothing,
}
