//! The files of a spool. Everything here blocks.
//!
//! | file | content |
//! |---|---|
//! | `ID.json` | the record; an upload exists as long as this file does |
//! | `ID.part` | the bytes that have arrived; its length is the offset |
//! | `ID.mark` | an offset; bytes after it have not been compared with their checksum yet |
//! | `ID.new` | a record that is being written |
//! | `lock` | locked while the spool is open |

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::error::{ResumableError, ResumableErrorKind};
use super::id::UploadId;
use super::record::{UploadRecord, VERSION};

/// A directory that no other process uses.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    _lock: File,
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

    /// Returns all uploads, and removes files that belong to none.
    pub(super) fn scan(&self) -> io::Result<Vec<(UploadId, UploadRecord)>> {
        let mut found = Vec::new();
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
                "json" => match self.read_record(&id) {
                    Ok(record) => found.push((id, record)),
                    Err(error) => {
                        tracing::warn!(%error, "an upload that cannot be read is removed");
                        self.remove(&id)?;
                    }
                },
                "part" | "mark" | "new" => others.push((id, kind.to_owned())),
                _ => {}
            }
        }
        for (id, kind) in others {
            let record = found.iter().find(|(other, _)| *other == id);
            let unfinished = record.is_some_and(|(_, record)| record.stored.is_none());
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
        #[cfg(unix)]
        File::open(&self.path)?.sync_all()?;
        Ok(())
    }

    fn read_record(&self, id: &UploadId) -> io::Result<UploadRecord> {
        let record: UploadRecord = serde_json::from_slice(&fs::read(self.file(id, "json"))?)?;
        match record.version {
            VERSION => Ok(record),
            _ => Err(io::Error::from(io::ErrorKind::Unsupported)),
        }
    }

    /// Opens the bytes of an upload at their end. Bytes that were not compared with their checksum are
    /// dropped.
    pub(super) fn open_part(&self, id: &UploadId) -> io::Result<(File, u64)> {
        let path = self.file(id, "part");
        let file = private().append(true).open(path)?;
        if let Some(end) = self.mark(id)? {
            cut(&file, end)?;
            self.clear_mark(id)?;
        }
        let len = file.metadata()?.len();
        Ok((file, len))
    }

    /// Opens the bytes of an upload for reading.
    pub(super) fn read_part(&self, id: &UploadId) -> io::Result<File> {
        File::open(self.file(id, "part"))
    }

    /// Notes that bytes after an offset have to be compared with their checksum.
    pub(super) fn set_mark(&self, id: &UploadId, offset: u64) -> io::Result<()> {
        let mut file = private()
            .create(true)
            .truncate(true)
            .open(self.file(id, "mark"))?;
        file.write_all(&offset.to_be_bytes())?;
        file.sync_data()
    }

    pub(super) fn clear_mark(&self, id: &UploadId) -> io::Result<()> {
        remove_file(&self.file(id, "mark"))
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

    /// Removes an upload. Repeating it after an error is safe.
    pub(super) fn remove(&self, id: &UploadId) -> io::Result<()> {
        for kind in ["json", "part", "mark", "new"] {
            remove_file(&self.file(id, kind))?;
        }
        Ok(())
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
