//! A directory with a store, media of two users in it, and what an operator or a crash does to its files.

use std::fs;
use std::path::{Path, PathBuf};

use media_storage::{MediaMetadata, MediaStorage as _, MediaStorageExt as _, MediaUpload};
use media_store_fs::{DamagedMedia, FileStore, VerifyOptions};
use media_types::{Mime, StorageReference};

use crate::Error;

/// Ids, and what bytes begin with, so that a scan finds them.
pub(crate) const ANN: &str = "ann-who-leaves";
pub(crate) const BEN: &str = "ben-who-stays";
pub(crate) const BYTES_OF_ANN: &str = "BYTES-OF-ANN";
pub(crate) const BYTES_OF_BEN: &str = "BYTES-OF-BEN";

pub(crate) struct Place {
    root: tempfile::TempDir,
    pub(crate) store: FileStore,
    bens: StorageReference,
}

impl Place {
    /// Makes a store with one item of Ben in it.
    pub(crate) async fn new(deduplication: bool) -> Result<Self, Error> {
        let root = tempfile::tempdir()?;
        let store = FileStore::builder(root.path().join("media"));
        let store = store.with_deduplication(deduplication).build().await?;
        let bens = put(&store, BYTES_OF_BEN, metadata(BEN)?).await?;
        Ok(Self { root, store, bens })
    }

    pub(crate) fn media(&self) -> PathBuf {
        self.root.path().join("media")
    }

    pub(crate) async fn put(
        &self,
        bytes: &str,
        metadata: MediaMetadata,
    ) -> Result<StorageReference, Error> {
        put(&self.store, bytes, metadata).await
    }

    pub(crate) fn file(&self, reference: &StorageReference) -> PathBuf {
        self.media().join(reference.id())
    }

    pub(crate) fn sidecar(&self, reference: &StorageReference) -> PathBuf {
        self.media().join(format!("{}.meta", reference.id()))
    }

    /// Whether the item of Ben is what it was.
    pub(crate) async fn has_bens(&self) -> Result<bool, Error> {
        let bytes = self.store.retrieve_bytes(&self.bens, 1024).await?;
        Ok(bytes == BYTES_OF_BEN.as_bytes())
    }

    /// Damages media and has a verification move it to the quarantine.
    pub(crate) async fn quarantine(&self, reference: &StorageReference) -> Result<(), Error> {
        // A new file, since the bytes may be shared.
        overwrite(&self.file(reference), format!("{BYTES_OF_ANN}, damaged"))?;
        let options = VerifyOptions::new().with_damaged(DamagedMedia::Quarantine);
        let report = self.store.verify(options).await?;
        check(report.quarantined == 2, || format!("{report:?}"))
    }

    /// The files whose path or content holds one of the words.
    pub(crate) fn traces(&self, words: &[&str]) -> Result<Vec<PathBuf>, Error> {
        let mut found = Vec::new();
        for path in self.everything()? {
            let name = path.to_string_lossy().into_owned();
            let content = match path.is_file() {
                true => fs::read(&path)?,
                false => Vec::new(),
            };
            let holds = |word: &&str| {
                let mut windows = content.windows(word.len());
                name.contains(*word) || windows.any(|window| window == word.as_bytes())
            };
            if words.iter().any(holds) {
                found.push(path);
            }
        }
        Ok(found)
    }

    /// Every file and directory of the store.
    pub(crate) fn everything(&self) -> Result<Vec<PathBuf>, Error> {
        let (mut found, mut left) = (Vec::new(), vec![self.media()]);
        while let Some(directory) = left.pop() {
            for entry in fs::read_dir(directory)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    left.push(entry.path());
                }
                found.push(entry.path());
            }
        }
        Ok(found)
    }

    /// The only file below a directory of the store whose name ends in this.
    pub(crate) fn only(&self, directory: &str, end: &str) -> Result<PathBuf, Error> {
        let directory = self.media().join(directory);
        let mut files = self.everything()?;
        files.retain(|path| {
            let is_file = path.is_file() && path.starts_with(&directory);
            is_file && path.to_string_lossy().ends_with(end)
        });
        match files.as_slice() {
            [file] => Ok(file.clone()),
            files => Err(format!("one file was expected: {files:?}").into()),
        }
    }
}

pub(crate) fn metadata(user: &str) -> Result<MediaMetadata, Error> {
    Ok(MediaMetadata::new()
        .with_session("session".parse()?)
        .with_conversation(format!("conversation-of-{user}").parse()?)
        .with_user(user.parse()?))
}

async fn put(
    store: &FileStore,
    bytes: &str,
    metadata: MediaMetadata,
) -> Result<StorageReference, Error> {
    let bytes = bytes::Bytes::from(bytes.to_owned());
    let upload = MediaUpload::new(Mime::IMAGE_PNG, bytes, metadata);
    Ok(store.store(upload).await?)
}

/// Puts a new file in the place of another.
pub(crate) fn overwrite(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), Error> {
    fs::remove_file(path)?;
    Ok(fs::write(path, bytes)?)
}

pub(crate) fn check(holds: bool, found: impl FnOnce() -> String) -> Result<(), Error> {
    match holds {
        true => Ok(()),
        false => Err(found().into()),
    }
}
