//! Keys of media in this store.

use media_storage::layout::{FileName, parse_media_key};
use media_storage::{Operation, StorageError, StorageErrorKind};

use crate::error::fail;

/// The key of a media file: its directory and its name.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) directory: String,
    pub(crate) file: FileName,
}

impl Key {
    /// Parses the id of a reference.
    pub(crate) fn parse(id: &str, operation: Operation) -> Result<Self, StorageError> {
        let (directories, file) = parse_media_key(id).ok_or_else(|| {
            fail(StorageErrorKind::InvalidRef, operation)
                .with_key(id)
                .with_reason("the id is not the key of a media file")
        })?;
        Ok(Self {
            directory: directories.join("/"),
            file,
        })
    }

    pub(crate) fn path(&self) -> String {
        join(&self.directory, self.file.as_str())
    }

    pub(crate) fn sidecar_path(&self) -> String {
        join(&self.directory, &self.file.sidecar())
    }
}

/// Joins a relative path, which may be empty, and a name.
pub(crate) fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() {
        name.to_owned()
    } else {
        format!("{directory}/{name}")
    }
}
