//! The blobs of a store.

use std::fs::File;
use std::io;
use std::time::{Duration, SystemTime};

use cap_std::fs::Dir;
use media_storage::backend::Digest;
use media_storage::{Operation, StorageError};
use media_types::Sha256;

use super::content::{create, equals, hash};
use super::names::{CLASSES, blob_path, shard};
use super::verified::{Verified, VerifiedBlobs};
use crate::error::io_error;
use crate::intake::{Relief, Whole, write_all};
use crate::options::{Durability, FilePermissions};
use crate::staging::Entry;
use crate::sys::{self, Identity};

const ATTEMPTS: u32 = 64;

/// Age of the modification time of a shared file from which a new reference renews it.
const TOUCH_AFTER: Duration = Duration::from_secs(60);

/// The directory of blobs, and which of them this process has verified.
#[derive(Debug)]
pub(crate) struct Blobs {
    dir: Dir,
    class: &'static str,
    durability: Durability,
    permissions: FilePermissions,
    verified: VerifiedBlobs,
}

/// How a staged file received its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acquired {
    /// It shares an existing blob.
    Shared,
    /// It was written, and is a blob now.
    Written,
    /// It was written and is not shared, because hard links are not available.
    Copied,
}

/// A blob under its staged name, open and verified.
struct Pinned {
    file: File,
    identity: Identity,
    verified: Verified,
}

/// Where bytes come from if they have to be written.
pub(crate) enum Source<'a> {
    /// They are in memory, and nothing is staged.
    Whole(&'a Whole),
    /// They are in the staged file, which was not fsynced.
    Staged(&'a File),
}

/// The state of a staged file while it acquires its bytes.
struct Acquisition<'a> {
    entry: &'a Entry,
    digest: Digest,
    source: &'a Source<'a>,
    relief: &'a mut dyn Relief,
    /// Whether the bytes are under the staged name.
    written: bool,
}

impl Acquisition<'_> {
    /// The name to pin a blob under. Bytes that are staged must not be replaced before the pin is
    /// verified.
    fn pin(&self) -> String {
        if self.written {
            self.entry.helper()
        } else {
            self.entry.bytes().to_owned()
        }
    }
}

impl Blobs {
    pub(crate) fn new(dir: Dir, durability: Durability, permissions: FilePermissions) -> Self {
        let class = match durability {
            Durability::Synced => CLASSES[0],
            Durability::Buffered => CLASSES[1],
        };
        Self {
            dir,
            class,
            durability,
            permissions,
            verified: VerifiedBlobs::default(),
        }
    }

    pub(crate) fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Makes the staged file of an entry contain these bytes, shared where that is possible.
    /// Afterwards the file is complete, and fsynced if the store is `Synced`.
    pub(crate) fn acquire(
        &self,
        entry: &Entry,
        digest: Digest,
        source: &Source<'_>,
        relief: &mut dyn Relief,
    ) -> Result<Acquired, StorageError> {
        let blob = blob_path(self.class, digest.sha256);
        let io = |error| io_error(Operation::Store, error);
        let mut this = Acquisition {
            entry,
            digest,
            source,
            relief,
            written: matches!(source, Source::Staged(_)),
        };
        for _ in 0..ATTEMPTS {
            let pin = this.pin();
            match self.dir.hard_link(&blob, entry.dir(), &pin) {
                Ok(()) => {
                    if self.share(&this, &pin).map_err(io)? {
                        return Ok(Acquired::Shared);
                    }
                    entry.dir().remove_file(&pin).map_err(io)?;
                    self.write(&mut this)?;
                    self.replace(entry, &blob, digest).map_err(io)?;
                    return Ok(Acquired::Written);
                }
                Err(error) if sys::is_not_found(&error) => {
                    self.write(&mut this)?;
                    match self.name_blob(entry, &blob, digest) {
                        Ok(()) => {
                            self.remember(entry, digest);
                            return Ok(Acquired::Written);
                        }
                        // Another store created the blob first; its inode is shared instead.
                        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                        Err(error) if sys::is_full(&error) && this.relief.relieve() => {}
                        Err(error)
                            if sys::links_unavailable(&error) || sys::is_too_many_links(&error) =>
                        {
                            return Ok(Acquired::Copied);
                        }
                        Err(error) => return Err(io(error)),
                    }
                }
                Err(error) if sys::is_full(&error) && this.relief.relieve() => {}
                Err(error) if sys::is_too_many_links(&error) => {
                    self.write(&mut this)?;
                    self.replace(entry, &blob, digest).map_err(io)?;
                    return Ok(Acquired::Written);
                }
                Err(error) if sys::links_unavailable(&error) => {
                    self.write(&mut this)?;
                    return Ok(Acquired::Copied);
                }
                Err(error) => return Err(io(error)),
            }
        }
        Err(io(io::ErrorKind::ResourceBusy.into()))
    }

    /// Makes a pinned blob the staged file if it contains the right bytes.
    fn share(&self, this: &Acquisition<'_>, pin: &str) -> io::Result<bool> {
        let dir = this.entry.dir();
        let Some(pinned) = self.verify_pin(this, pin)? else {
            return Ok(false);
        };
        if this.written {
            dir.rename(pin, dir, this.entry.bytes())?;
        }
        self.touch(&pinned);
        Ok(true)
    }

    /// Makes the staged file complete and, under `Synced`, durable.
    fn write(&self, this: &mut Acquisition<'_>) -> Result<(), StorageError> {
        let io = |error| io_error(Operation::Store, error);
        match this.source {
            Source::Whole(whole) if !this.written => {
                let mode = self.permissions.media_mode();
                let file = create(this.entry, this.entry.bytes(), mode, this.relief)?;
                whole.pieces(|piece| write_all(&file, piece, this.relief))?;
                if self.durability == Durability::Synced {
                    file.sync_all().map_err(io)?;
                }
                this.written = true;
            }
            Source::Staged(file) if self.durability == Durability::Synced => {
                file.sync_all().map_err(io)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Makes the staged file the blob, if there is none.
    fn name_blob(&self, entry: &Entry, blob: &str, digest: Digest) -> io::Result<()> {
        for _ in 0..ATTEMPTS {
            match entry.dir().hard_link(entry.bytes(), &self.dir, blob) {
                Err(error) if sys::is_not_found(&error) => self.create_shard(digest.sha256)?,
                // A file server may repeat a link that it has already made.
                Err(error)
                    if error.kind() == io::ErrorKind::AlreadyExists
                        && is_same_file(entry.dir(), entry.bytes(), &self.dir, blob) =>
                {
                    return Ok(());
                }
                other => return other,
            }
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }

    /// Makes the staged file the blob instead of one that is damaged or cannot take another link.
    /// The old inode lives on through its references.
    fn replace(&self, entry: &Entry, blob: &str, digest: Digest) -> io::Result<()> {
        let helper = entry.helper();
        entry.dir().hard_link(entry.bytes(), entry.dir(), &helper)?;
        for _ in 0..ATTEMPTS {
            match entry.dir().rename(&helper, &self.dir, blob) {
                Err(error) if sys::is_not_found(&error) => self.create_shard(digest.sha256)?,
                other => {
                    other?;
                    // Renaming onto another name of the same file leaves both names.
                    let _ = entry.dir().remove_file(&helper);
                    self.remember(entry, digest);
                    return Ok(());
                }
            }
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }

    /// Makes the bytes of an entry the blob of their hash, replacing an existing one.
    pub(crate) fn renew(&self, entry: &Entry, digest: Digest) -> io::Result<()> {
        let blob = blob_path(self.class, digest.sha256);
        self.replace(entry, &blob, digest)
    }

    /// Makes a published file share the blob of its verified bytes. Returns whether it did. The swap
    /// is one step that fails if the file was deleted, so a racing delete wins.
    pub(crate) fn relink(
        &self,
        entry: &Entry,
        dir: &Dir,
        name: &str,
        digest: Digest,
    ) -> io::Result<bool> {
        let blob = blob_path(self.class, digest.sha256);
        match self.dir.hard_link(&blob, entry.dir(), entry.bytes()) {
            Ok(()) => {
                let pinned = sys::open_file(entry.dir(), entry.bytes())?;
                if hash(&pinned)? != digest {
                    return Ok(false);
                }
                // The file that is replaced may have been durable.
                pinned.sync_all()?;
                sys::swap(entry.dir(), entry.bytes(), dir, name)
            }
            Err(error) if sys::is_not_found(&error) => {
                // The file becomes the blob itself. Only durable content may.
                dir.hard_link(name, entry.dir(), entry.bytes())?;
                if self.durability == Durability::Synced {
                    sys::open_file(entry.dir(), entry.bytes())?.sync_all()?;
                }
                match self.name_blob(entry, &blob, digest) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                    _ => Ok(false),
                }
            }
            Err(error) if sys::is_too_many_links(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn create_shard(&self, sha256: Sha256) -> io::Result<()> {
        let tolerate = |result: io::Result<()>| match result {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        };
        let mode = self.permissions.own_directory_mode();
        tolerate(sys::create_dir(&self.dir, self.class, mode))?;
        let class = sys::open_dir(&self.dir, self.class)?;
        tolerate(sys::create_dir(&class, &shard(sha256), mode))
    }

    /// Returns a pinned file if it contains the right bytes. Each file is compared once per process.
    fn verify_pin(&self, this: &Acquisition<'_>, pin: &str) -> io::Result<Option<Pinned>> {
        let dir = this.entry.dir();
        // Whatever stands under the name of a blob and is not a file is replaced like damage.
        if !sys::stat(dir, pin)?.is_file {
            return Ok(None);
        }
        let file = sys::open_file(dir, pin)?;
        let stat = sys::stat_file(&file)?;
        if stat.len != this.digest.len {
            return Ok(None);
        }
        let verified = Verified {
            sha256: this.digest.sha256,
            modified: file.metadata()?.modified()?,
        };
        if !self.verified.contains(stat.identity, verified) {
            let same = match this.source {
                // An unreadable file is treated like damage, since the bytes are available.
                Source::Whole(whole) if !this.written => equals(&file, whole).unwrap_or(false),
                _ => hash(&file).is_ok_and(|found| found == this.digest),
            };
            if !same {
                return Ok(None);
            }
            self.verified.insert(stat.identity, verified);
        }
        Ok(Some(Pinned {
            file,
            identity: stat.identity,
            verified,
        }))
    }

    /// Remembers a file that this process has just written as verified.
    fn remember(&self, entry: &Entry, digest: Digest) {
        if let Ok(file) = sys::open_file(entry.dir(), entry.bytes())
            && let Ok(stat) = sys::stat_file(&file)
            && let Ok(modified) = file.metadata().and_then(|metadata| metadata.modified())
        {
            let sha256 = digest.sha256;
            self.verified
                .insert(stat.identity, Verified { sha256, modified });
        }
    }

    /// Renews the modification time of a shared file, as far as possible, so that tools which remove
    /// files by age do not remove media early.
    fn touch(&self, pinned: &Pinned) {
        let now = SystemTime::now();
        let age = now.duration_since(pinned.verified.modified);
        if age.is_ok_and(|age| age < TOUCH_AFTER) {
            return;
        }
        let times = std::fs::FileTimes::new().set_modified(now);
        if pinned.file.set_times(times).is_ok()
            && let Ok(modified) = pinned.file.metadata().and_then(|known| known.modified())
        {
            let sha256 = pinned.verified.sha256;
            self.verified
                .insert(pinned.identity, Verified { sha256, modified });
        }
    }

    /// Removes the blob names of an inode whose last reference was removed. Returns whether there
    /// were any. A racing store is safe: its pin is another link.
    pub(crate) fn release(&self, sha256: Sha256, inode: Identity) -> io::Result<bool> {
        let mut released = false;
        for class in CLASSES {
            let path = blob_path(class, sha256);
            match sys::stat(&self.dir, &path) {
                Ok(stat) if stat.identity == inode && stat.links == 1 => {
                    self.dir.remove_file(&path)?;
                    released = true;
                }
                Ok(_) => {}
                Err(error) if sys::is_not_found(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(released)
    }
}

/// Whether two names lead to one file.
fn is_same_file(one: &Dir, name: &str, two: &Dir, other: &str) -> bool {
    matches!(
        (sys::stat(one, name), sys::stat(two, other)),
        (Ok(a), Ok(b)) if a.identity == b.identity
    )
}
