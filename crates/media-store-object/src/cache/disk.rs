//! The cache's files together with their index. All of it blocks.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use media_storage::Sha256Hasher;

use super::flight::Claim;
use super::index::{Entry, Index};
use super::key::FileName;
use super::ledger::{Reservation, charge};
use super::slot::{Identity, Slot, note_use};
use super::stats::{CacheStats, Counters};

/// Bodies up to this size are handled whole, verified before the first byte is handed over.
pub(super) const WHOLE: u64 = 1024 * 1024;
/// How many bytes of larger bodies are read at a time.
pub(super) const PIECE: usize = 256 * 1024;

#[derive(Debug)]
pub(super) struct Disk {
    pub(super) slot: Slot,
    pub(super) index: Arc<Index>,
    pub(super) counters: Counters,
}

/// What reading a file of the cache came to.
#[derive(Debug)]
pub(super) enum Opened {
    /// These are the bytes that were asked for.
    Whole(Bytes),
    /// The file, verified, to be read piece by piece.
    File(File),
    /// This process has not hashed it as it is now.
    Unverified,
    /// It is not there any more, or was damaged and is not there any more.
    Gone,
}

impl Disk {
    /// Opens a directory and rebuilds the index from what is in it.
    pub(super) fn open(path: &Path, capacity: u64) -> io::Result<Self> {
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

    /// Removes the file of an entry that has left the index. Returns whether it is gone.
    pub(super) fn unlink(&self, entry: &Arc<Entry>) -> bool {
        let removed = self.slot.remove(entry.name());
        if let Err(error) = &removed {
            tracing::warn!(%error, "a file of the read cache could not be removed");
            entry.keep_charge();
        }
        removed.is_ok()
    }

    /// Takes an entry out, with its file.
    pub(super) fn discard(&self, entry: &Arc<Entry>) -> bool {
        self.index.remove(entry);
        self.unlink(entry)
    }

    /// Takes an entry out because its bytes are not those of its name.
    pub(super) fn discard_damaged(&self, entry: &Arc<Entry>) {
        self.counters.damaged.add(1);
        tracing::warn!(
            size = entry.name().key.size,
            "a damaged file leaves the read cache"
        );
        self.discard(entry);
    }

    /// Room for a file of this size.
    pub(super) fn reserve(&self, size: u64) -> Option<Reservation> {
        self.index.reserve(size, |name: &FileName| {
            let removed = self.slot.remove(name);
            match &removed {
                Ok(()) => self.counters.evictions.add(1),
                Err(error) => {
                    tracing::warn!(%error, "a file of the read cache could not be evicted");
                }
            }
            removed.is_ok()
        })
    }

    /// Opens a file for a range; small ones are read at once and hashed where `hash` says so.
    pub(super) fn open_entry(
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

    /// Hashes all of a file, once for as long as nobody writes to it.
    pub(super) fn verify(&self, entry: &Arc<Entry>, claim: &Claim) -> io::Result<()> {
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
        // What was written to meanwhile is hashed again next time.
        if !whole {
            self.discard_damaged(entry);
        } else if Identity::of(&file)? == identity {
            entry.set_verified(identity);
        }
        Ok(())
    }

    pub(super) fn stats(&self) -> CacheStats {
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

/// Whether bytes that are read are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    /// The whole body is read and hashed.
    Body,
    /// A part is read, or the caller wants the size checked only.
    Nothing,
}
