//! Stores of every kind, with an image in them.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::StreamExt;
use image::ImageFormat as Encoder;
use media_encryption::{Encrypted, LocalKeys, MasterKey};
use media_image::{ImageFormat, ImageWorkers, Profile, Renditions};
use media_storage::{
    InMemoryStorage, MediaMetadata, MediaStorage, MediaStorageExt, RetentionPolicy, Scope,
};
use media_store_fs::FileStore;
use media_types::{MediaContent, Mime, StorageReference};

use crate::samples;

pub(super) type Store = Renditions<Arc<dyn MediaStorage>>;

/// Every kind of store: with ids that follow from the original's, and with listings; encrypted ones.
pub(super) async fn stores() -> Vec<(Store, tempfile::TempDir)> {
    let mut stores = Vec::new();
    for (on_disk, encrypted) in [(true, false), (false, false), (true, true), (false, true)] {
        let directory = tempfile::tempdir().unwrap();
        let store: Arc<dyn MediaStorage> = match on_disk {
            true => {
                let media = directory.path().join("media");
                Arc::new(FileStore::open(media).await.unwrap())
            }
            false => Arc::new(InMemoryStorage::new()),
        };
        let store = match encrypted {
            true => {
                let master_key = MasterKey::from_hex(&"5a".repeat(32)).unwrap();
                let keys = LocalKeys::builder(directory.path().join("keys"), master_key);
                let keys = keys.with_create(true).open().await.unwrap();
                Arc::new(Encrypted::builder(store, keys).build())
            }
            false => store,
        };
        stores.push((Renditions::new(store, ImageWorkers::default()), directory));
    }
    stores
}

pub(super) fn metadata() -> MediaMetadata {
    MediaMetadata::new()
        .with_user("ann".parse().unwrap())
        .with_session("s".parse().unwrap())
        .with_conversation("c".parse().unwrap())
        .with_filename("beach.png".to_owned())
        .with_state_store("state-1".to_owned())
        .with_tag("album", "summer")
        .with_retention(RetentionPolicy::RetainDays(3))
}

pub(super) fn photo() -> Bytes {
    samples::encoded(&samples::photo(300, 200), Encoder::Png)
}

pub(super) async fn put(store: &Store) -> StorageReference {
    store
        .store_bytes(Mime::IMAGE_PNG, photo(), metadata())
        .await
        .unwrap()
}

pub(super) fn thumbnail() -> Profile {
    Profile::thumbnail(60).with_formats([ImageFormat::Jpeg])
}

pub(super) fn reference(content: &MediaContent) -> StorageReference {
    content
        .reference()
        .expect("a rendition that is stored")
        .clone()
}

pub(super) async fn entries(store: &Store, scope: Scope) -> usize {
    store.inventory().unwrap().list(scope).count().await
}
