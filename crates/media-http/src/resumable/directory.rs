//! The files of a spool. Everything here blocks.
//!
//! | file | content |
//! |---|---|
//! | `ID.json` | the record; an upload exists as long as this file does |
//! | `ID.part` | the bytes that have arrived; its length is the offset |
//! | `ID.mark` | an offset; bytes after it have not been compared with their checksum yet |
//! | `ID.new` | a record that is being written |
//! | `lock` | locked while the spool is open |

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use media_types::readable::causes;
use serde::Deserialize;

use super::error::{ResumableError, ResumableErrorKind};
use super::id::UploadId;
use super::record::{UploadRecord, VERSION};

/// A directory that no other process uses.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    _lock: File,
}

/// An upload that was there when the directory was opened.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) id: UploadId,
    pub(super) record: UploadRecord,
    /// Whether it is unfinished, and no byte of it has arrived.
    pub(super) is_empty: bool,
}

/// What the file of a record says.
enum ReadRecord {
    Readable(Box<UploadRecord>),
    /// The version, which is not known here.
    Later(u32),
    Damaged(serde_json::Error),
}

/// The part of a record that all versions have.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl Directory {
    /// Opens a directory, which is created if it does not exist.
    pub(super) fn open(path: &Path) -> Result<Self, ResumableError> {
        fs::create_dir_all(path).map_err(ResumableError::directory)?;
        let lock = private()
            .create(true)
            .truncate(false)
            .open(path.join("lock"))
            .map_err(ResumableError::directory)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(ResumableError::new(ResumableErrorKind::InUse));
            }
            Err(fs::TryLockError::Error(error)) => return Err(ResumableError::directory(error)),
        }
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Returns all uploads, and removes files that belong to none. Uploads that a later version wrote are
    /// left as they are.
    pub(super) fn scan(&self) -> io::Result<Vec<Found>> {
        let mut found = Vec::new();
        let mut left = Vec::new();
        let mut others = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            let Some((id, kind)) = name.to_str().and_then(|name| name.split_once('.')) else {
                continue;
            };
            let Some(id) = UploadId::parse(id) else {
                continue;
            };
            match kind {
                "json" => match self.read_record(&id)? {
                    ReadRecord::Readable(record) => {
                        let is_empty = record.stored.is_none() && self.part_len(&id)? == 0;
                        found.push(Found {
                            id,
                            record: *record,
                            is_empty,
                        });
                    }
                    ReadRecord::Later(version) => {
                        tracing::warn!(version, "an upload of a later version is left alone");
                        left.push(id);
                    }
                    ReadRecord::Damaged(error) => {
                        tracing::warn!(error = %causes(&error), "an upload with a damaged record is removed");
                        self.remove(&id)?;
                    }
                },
                "part" | "mark" | "new" => others.push((id, kind.to_owned())),
                _ => {}
            }
        }
        let unfinished: HashSet<_> = found
            .iter()
            .filter(|upload| upload.record.stored.is_none())
            .map(|upload| &upload.id)
            .collect();
        for (id, kind) in others {
            if left.contains(&id) {
                continue;
            }
            let unfinished = unfinished.contains(&id);
            if kind == "new" || !unfinished {
                remove_file(&self.file(&id, &kind))?;
            }
        }
        Ok(found)
    }

    /// Creates an upload without bytes.
    pub(super) fn create(&self, id: &UploadId, record: &UploadRecord) -> io::Result<()> {
        private().create_new(true).open(self.file(id, "part"))?;
        let written = self.write_record(id, record);
        if written.is_err() {
            let _ = self.remove(id);
        }
        written
    }

    /// Replaces a record. It is on the disk when this returns.
    pub(super) fn write_record(&self, id: &UploadId, record: &UploadRecord) -> io::Result<()> {
        let new = self.file(id, "new");
        let mut file = private().create(true).truncate(true).open(&new)?;
        file.write_all(&serde_json::to_vec(record)?)?;
        file.sync_data()?;
        fs::rename(&new, self.file(id, "json"))?;
        self.sync()
    }

    /// Waits until names of files that were added or removed are so on the disk.
    fn sync(&self) -> io::Result<()> {
        #[cfg(unix)]
        File::open(&self.path)?.sync_all()?;
        Ok(())
    }

    fn read_record(&self, id: &UploadId) -> io::Result<ReadRecord> {
        let bytes = fs::read(self.file(id, "json"))?;
        // Nothing but the version is known of what a later version writes.
        match serde_json::from_slice(&bytes) {
            Ok(Versioned { version }) if version > VERSION => Ok(ReadRecord::Later(version)),
            _ => Ok(
                serde_json::from_slice(&bytes).map_or_else(ReadRecord::Damaged, |record| {
                    ReadRecord::Readable(Box::new(record))
                }),
            ),
        }
    }

    /// Returns how many bytes of an upload are in its file.
    fn part_len(&self, id: &UploadId) -> io::Result<u64> {
        match fs::metadata(self.file(id, "part")) {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Opens the bytes of an upload at their end. Bytes that were not compared with their checksum are
    /// dropped; the others are on the disk when this returns, also those that a request wrote which was
    /// dropped before it could sync them.
    pub(super) fn open_part(&self, id: &UploadId) -> io::Result<(File, u64)> {
        let path = self.file(id, "part");
        let file = private().append(true).open(path)?;
        if let Some(end) = self.mark(id)? {
            cut(&file, end)?;
            self.clear_mark(id)?;
        }
        let len = file.metadata()?.len();
        if len > 0 {
            file.sync_data()?;
        }
        Ok((file, len))
    }

    /// Opens the bytes of an upload for reading.
    pub(super) fn read_part(&self, id: &UploadId) -> io::Result<File> {
        File::open(self.file(id, "part"))
    }

    /// Notes that bytes after an offset have to be compared with their checksum. It is on the disk when this
    /// returns, before any of these bytes is.
    pub(super) fn set_mark(&self, id: &UploadId, offset: u64) -> io::Result<()> {
        let mut file = private()
            .create(true)
            .truncate(true)
            .open(self.file(id, "mark"))?;
        file.write_all(&offset.to_be_bytes())?;
        file.sync_data()?;
        self.sync()
    }

    /// Removes a mark. It is gone from the disk when this returns: one that came back would take acknowledged
    /// bytes with it.
    pub(super) fn clear_mark(&self, id: &UploadId) -> io::Result<()> {
        remove_file(&self.file(id, "mark"))?;
        self.sync()
    }

    fn mark(&self, id: &UploadId) -> io::Result<Option<u64>> {
        match fs::read(self.file(id, "mark")) {
            // A mark that was not written to its end precedes any byte that it would protect.
            Ok(bytes) => Ok(bytes.try_into().ok().map(u64::from_be_bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes the bytes of an upload.
    pub(super) fn remove_part(&self, id: &UploadId) -> io::Result<()> {
        remove_file(&self.file(id, "part"))
    }

    /// Removes an upload, which is gone from the disk when this returns. Repeating it after an error is safe.
    pub(super) fn remove(&self, id: &UploadId) -> io::Result<()> {
        for kind in ["json", "part", "mark", "new"] {
            remove_file(&self.file(id, kind))?;
        }
        self.sync()
    }

    fn file(&self, id: &UploadId, kind: &str) -> PathBuf {
        self.path.join(format!("{id}.{kind}"))
    }
}

/// Shortens a file.
pub(super) fn cut(file: &File, len: u64) -> io::Result<()> {
    if file.metadata()?.len() > len {
        file.set_len(len)?;
    }
    Ok(())
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Options for a file that only the owner of the process reads.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
