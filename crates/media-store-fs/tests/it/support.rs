//! What the tests share.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use media_storage::{MediaMetadata, MediaStorage as _, MediaStorageExt as _, MediaUpload};
use media_store_fs::{FileStore, FileStoreBuilder};
use media_types::{Mime, StorageReference};

/// A place for a store, removed at the end.
#[derive(Debug)]
pub(crate) struct Place {
    root: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn media(&self) -> PathBuf {
        self.root.path().join("media")
    }

    /// A deduplicating store with the other defaults.
    pub(crate) async fn store(&self) -> FileStore {
        self.builder().build().await.unwrap()
    }

    pub(crate) fn builder(&self) -> FileStoreBuilder {
        FileStore::builder(self.media()).with_deduplication(true)
    }
}

/// Metadata of a session and a conversation.
pub(crate) fn of(session: &str, conversation: &str) -> MediaMetadata {
    MediaMetadata::new()
        .with_session(session.parse().unwrap())
        .with_conversation(conversation.parse().unwrap())
}

pub(crate) async fn put(
    store: &FileStore,
    bytes: &str,
    metadata: MediaMetadata,
) -> StorageReference {
    let upload = MediaUpload::new(Mime::IMAGE_PNG, Bytes::from(bytes.to_owned()), metadata);
    store.store(upload).await.unwrap()
}

pub(crate) async fn get(store: &FileStore, reference: &StorageReference) -> String {
    let bytes = store.retrieve_bytes(reference, 1 << 20).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Every file below a directory, relative, sorted; directories end in a slash.
pub(crate) fn tree(directory: &Path) -> Vec<String> {
    fn walk(base: &Path, directory: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let relative = path
                .strip_prefix(base)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            if path.symlink_metadata().unwrap().is_dir() {
                found.push(format!("{relative}/"));
                walk(base, &path, found);
            } else {
                found.push(relative);
            }
        }
    }
    let mut found = Vec::new();
    walk(directory, directory, &mut found);
    found.sort();
    found
}

/// The files of blobs and staging that are there.
pub(crate) fn internals(media: &Path) -> Vec<String> {
    tree(media)
        .into_iter()
        .filter(|path| path.starts_with(".store/blobs/") || path.starts_with(".store/tmp/"))
        .filter(|path| !path.ends_with('/') && !path.ends_with("/lock"))
        .collect()
}
