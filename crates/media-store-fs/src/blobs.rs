//! Deduplication: blobs, and how a staged file comes to share one.
//!
//! A blob is a name for an inode that references share. A store first pins the inode under its
//! staged name, so that a delete that races it sees two links; everything after works on the pin.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use cap_std::fs::Dir;
use media_storage::backend::Digest;
use media_storage::{Operation, StorageError};
use media_types::Sha256;

use crate::config::{Durability, Permissions};
use crate::error::io_error;
use crate::intake::{PIECE, Relief, Whole, write_all};
use crate::staging::Entry;
use crate::sys::{self, Identity};

/// Classes of blobs: content that was fsynced, and content that was not.
pub(crate) const CLASSES: [&str; 2] = ["sha256", "buffered"];

const ATTEMPTS: u32 = 64;
const MAX_REMEMBERED: usize = 4096;
/// How old a shared file's time must be before a new reference renews it.
const TOUCH_AFTER: Duration = Duration::from_secs(60);

/// The directory `blobs` with what this process knows of it.
#[derive(Debug)]
pub(crate) struct Blobs {
    dir: Dir,
    class: &'static str,
    durability: Durability,
    permissions: Permissions,
    remembered: Mutex<HashMap<(u64, u64), SystemTime>>,
}

/// How a staged file came to its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acquired {
    /// It shares a blob that was there.
    Shared,
    /// It was written, and is a blob now.
    Written,
    /// It was written and shares nothing: there are no links to be had here.
    Copied,
}

/// A blob under its staged name, open and known to be good.
struct Pinned {
    file: File,
    identity: Identity,
    modified: SystemTime,
}

/// Where the bytes are, should they have to be written.
pub(crate) enum Source<'a> {
    /// In memory; nothing is staged yet.
    Whole(&'a Whole),
    /// In the staged file already, not fsynced.
    Staged(&'a File),
}

impl Blobs {
    pub(crate) fn new(dir: Dir, durability: Durability, permissions: Permissions) -> Self {
        let class = match durability {
            Durability::Synced => CLASSES[0],
            Durability::Buffered => CLASSES[1],
        };
        Self {
            dir,
            class,
            durability,
            permissions,
            remembered: Mutex::default(),
        }
    }

    pub(crate) fn dir(&self) -> &Dir {
        &self.dir
    }

    fn remembered(&self) -> MutexGuard<'_, HashMap<(u64, u64), SystemTime>> {
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the entry's staged file hold these bytes, shared where that is possible. Afterwards
    /// `<id>` is there, whole, and fsynced if the store is `Synced`.
    pub(crate) fn acquire(
        &self,
        entry: &Entry,
        digest: Digest,
        source: &Source<'_>,
        relief: &mut dyn Relief,
    ) -> Result<Acquired, StorageError> {
        let blob = blob_path(self.class, digest.sha256);
        let io = |error| io_error(Operation::Store, error);
        let staged = matches!(source, Source::Staged(_));
        // Bytes that are staged already must not be replaced before the pin is known to be good.
        let pin = if staged {
            entry.helper()
        } else {
            entry.bytes().to_owned()
        };
        let mut written = staged;
        for _ in 0..ATTEMPTS {
            let pin = if written { entry.helper() } else { pin.clone() };
            match self.dir.hard_link(&blob, entry.dir(), &pin) {
                Ok(()) => {
                    if let Some(shared) = self
                        .matching(entry.dir(), &pin, digest, source, written)
                        .map_err(io)?
                    {
                        if written {
                            entry
                                .dir()
                                .rename(&pin, entry.dir(), entry.bytes())
                                .map_err(io)?;
                        }
                        self.touch(&shared);
                        return Ok(Acquired::Shared);
                    }
                    entry.dir().remove_file(&pin).map_err(io)?;
                    if !written {
                        self.write(entry, source, relief)?;
                    } else if staged {
                        self.finish_staged(source).map_err(io)?;
                    }
                    self.replace(entry, &blob, digest).map_err(io)?;
                    return Ok(Acquired::Written);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    if !written {
                        self.write(entry, source, relief)?;
                        written = true;
                    } else if staged {
                        self.finish_staged(source).map_err(io)?;
                    }
                    match self.name_blob(entry, &blob, digest) {
                        Ok(()) => {
                            self.remember(entry, entry.bytes());
                            return Ok(Acquired::Written);
                        }
                        // Another store was first: share its inode after all.
                        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                        Err(error) if sys::is_full(&error) && relief.relieve() => {}
                        Err(error)
                            if sys::links_unsupported(&error) || sys::is_too_many_links(&error) =>
                        {
                            return Ok(Acquired::Copied);
                        }
                        Err(error) => return Err(io(error)),
                    }
                }
                Err(error) if sys::is_full(&error) && relief.relieve() => {}
                Err(error) if sys::is_too_many_links(&error) => {
                    if !written {
                        self.write(entry, source, relief)?;
                    } else if staged {
                        self.finish_staged(source).map_err(io)?;
                    }
                    self.replace(entry, &blob, digest).map_err(io)?;
                    return Ok(Acquired::Written);
                }
                Err(error) if sys::links_unsupported(&error) => {
                    if !written {
                        self.write(entry, source, relief)?;
                    } else if staged {
                        self.finish_staged(source).map_err(io)?;
                    }
                    return Ok(Acquired::Copied);
                }
                Err(error) => return Err(io(error)),
            }
        }
        Err(io(io::ErrorKind::ResourceBusy.into()))
    }

    /// Writes whole bytes to the staged file.
    fn write(
        &self,
        entry: &Entry,
        source: &Source<'_>,
        relief: &mut dyn Relief,
    ) -> Result<(), StorageError> {
        let Source::Whole(whole) = source else {
            return Ok(());
        };
        let io = |error| io_error(Operation::Store, error);
        let file = create(entry, entry.bytes(), self.permissions.media_mode(), relief)?;
        whole.pieces(|piece| write_all(&file, piece, relief))?;
        if self.durability == Durability::Synced {
            file.sync_all().map_err(io)?;
        }
        Ok(())
    }

    fn finish_staged(&self, source: &Source<'_>) -> io::Result<()> {
        match source {
            Source::Staged(file) if self.durability == Durability::Synced => file.sync_all(),
            _ => Ok(()),
        }
    }

    /// Makes the staged file the blob, where there is none.
    fn name_blob(&self, entry: &Entry, blob: &str, digest: Digest) -> io::Result<()> {
        for _ in 0..ATTEMPTS {
            match entry.dir().hard_link(entry.bytes(), &self.dir, blob) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.create_shelf(digest.sha256)?;
                }
                other => return other,
            }
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }

    /// Makes the staged file the blob in place of one that is damaged or has no link left. The old
    /// inode lives on through its references.
    fn replace(&self, entry: &Entry, blob: &str, digest: Digest) -> io::Result<()> {
        let helper = entry.helper();
        entry.dir().hard_link(entry.bytes(), entry.dir(), &helper)?;
        for _ in 0..ATTEMPTS {
            match entry.dir().rename(&helper, &self.dir, blob) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.create_shelf(digest.sha256)?;
                }
                other => {
                    other?;
                    // Renaming onto another name of the same file leaves both.
                    let _ = entry.dir().remove_file(&helper);
                    self.remember(entry, entry.bytes());
                    return Ok(());
                }
            }
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }

    /// Makes the entry's bytes the blob of their hash, in place of what is there.
    pub(crate) fn renew(&self, entry: &Entry, digest: Digest) -> io::Result<()> {
        let blob = blob_path(self.class, digest.sha256);
        self.replace(entry, &blob, digest)
    }

    /// Makes a published file share the blob of its bytes, which are known to be right; whether it
    /// does so now. The swap is one step that fails when the file is gone, so a delete that races
    /// it wins.
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
                // The file that it replaces may have been stored durably.
                pinned.sync_all()?;
                sys::swap(entry.dir(), entry.bytes(), dir, name)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // It becomes the blob itself; only what is durable may.
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

    fn create_shelf(&self, sha256: Sha256) -> io::Result<()> {
        let tolerate = |result: io::Result<()>| match result {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        };
        let mode = self.permissions.own_directory_mode();
        tolerate(sys::create_dir(&self.dir, self.class, mode))?;
        let class = sys::open_dir(&self.dir, self.class)?;
        tolerate(sys::create_dir(&class, &shelf(sha256), mode))
    }

    /// A pinned file if it holds the bytes that it should. Compared once per file and process.
    fn matching(
        &self,
        dir: &Dir,
        pin: &str,
        digest: Digest,
        source: &Source<'_>,
        written: bool,
    ) -> io::Result<Option<Pinned>> {
        // What is no file under a blob's name is replaced as damaged bytes are.
        if !sys::stat(dir, pin)?.is_file {
            return Ok(None);
        }
        let file = sys::open_file(dir, pin)?;
        let stat = sys::stat_file(&file)?;
        if stat.len != digest.len {
            return Ok(None);
        }
        let key = (stat.identity.device, stat.identity.inode);
        let modified = file.metadata()?.modified()?;
        if self.remembered().get(&key) != Some(&modified) {
            let same = match source {
                // What cannot be read is as good as damaged: the caller has the bytes.
                Source::Whole(whole) if !written => equals(&file, whole).unwrap_or(false),
                _ => hash(&file).is_ok_and(|found| found == digest),
            };
            if !same {
                return Ok(None);
            }
            self.keep(stat.identity, modified);
        }
        Ok(Some(Pinned {
            file,
            identity: stat.identity,
            modified,
        }))
    }

    fn keep(&self, identity: Identity, modified: SystemTime) {
        let mut remembered = self.remembered();
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        remembered.insert((identity.device, identity.inode), modified);
    }

    /// Remembers a file that this process has just written.
    fn remember(&self, entry: &Entry, name: &str) {
        if let Ok(file) = sys::open_file(entry.dir(), name)
            && let Ok(stat) = sys::stat_file(&file)
            && let Ok(modified) = file.metadata().and_then(|metadata| metadata.modified())
        {
            self.keep(stat.identity, modified);
        }
    }

    /// Renews the time of a shared file, so that whoever cleans up by age does not take media early.
    /// Best effort.
    fn touch(&self, shared: &Pinned) {
        let now = SystemTime::now();
        let age = now.duration_since(shared.modified);
        if age.is_ok_and(|age| age < TOUCH_AFTER) {
            return;
        }
        let times = std::fs::FileTimes::new().set_modified(now);
        if shared.file.set_times(times).is_ok()
            && let Ok(renewed) = shared.file.metadata().and_then(|known| known.modified())
        {
            self.keep(shared.identity, renewed);
        }
    }

    /// Removes the blob names of an inode whose last reference is gone. Racing a store is
    /// harmless: its pin is a link of its own.
    pub(crate) fn release(&self, sha256: Sha256, gone: Identity) -> io::Result<bool> {
        let mut released = false;
        for class in CLASSES {
            let path = blob_path(class, sha256);
            match sys::stat(&self.dir, &path) {
                Ok(stat) if stat.identity.is_same_file(&gone) && stat.identity.links == 1 => {
                    self.dir.remove_file(&path)?;
                    released = true;
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(released)
    }
}

/// Creates a staged file; asks for relief when there is no room for it.
pub(crate) fn create(
    entry: &Entry,
    name: &str,
    mode: u32,
    relief: &mut dyn Relief,
) -> Result<File, StorageError> {
    loop {
        match sys::create_new(entry.dir(), name, mode) {
            Ok(file) => return Ok(file),
            Err(error) if sys::is_full(&error) && relief.relieve() => {}
            Err(error) => return Err(io_error(Operation::Store, error)),
        }
    }
}

fn shelf(sha256: Sha256) -> String {
    format!("{:02x}", sha256.as_bytes()[0])
}

pub(crate) fn blob_path(class: &str, sha256: Sha256) -> String {
    format!("{class}/{}/{sha256}", shelf(sha256))
}

/// Hash and size of a file.
pub(crate) fn hash(mut file: &File) -> io::Result<Digest> {
    let mut hasher = media_storage::Sha256Hasher::new();
    let mut buffer = vec![0; PIECE];
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => return Ok(Digest::of(hasher)),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
}

/// Whether a file holds exactly the bytes of a body.
fn equals(mut file: &File, whole: &Whole) -> io::Result<bool> {
    let mut buffer = vec![0; PIECE + 3];
    let mut failure = None;
    let compared = whole.pieces(|piece| {
        let room = buffer.get_mut(..piece.len()).unwrap_or_default();
        match file.read_exact(room) {
            Ok(()) if room == piece => Ok(()),
            Ok(()) => Err(crate::error::fail(
                media_storage::StorageErrorKind::Corrupted,
                Operation::Store,
            )),
            Err(error) => {
                let shown = io::Error::from(error.kind());
                failure = Some(error);
                Err(io_error(Operation::Store, shown))
            }
        }
    });
    match (compared, failure) {
        (Ok(()), _) => {
            let mut more = Vec::new();
            file.take(1).read_to_end(&mut more)?;
            Ok(more.is_empty())
        }
        (Err(_), Some(error)) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
        (Err(_), _) => Ok(false),
    }
}
