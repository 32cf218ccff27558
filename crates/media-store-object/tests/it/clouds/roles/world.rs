//! A bucket with media, and stores that may do only what a policy grants.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::TimeDelta;
use futures_util::TryStreamExt as _;
use media_storage::{
    Inventory as _, MediaMetadata, MediaStorageExt as _, RetentionPolicy, StorageError,
};
use media_store_object::{ObjectMediaStore, ObjectMediaStoreBuilder};
use media_types::{Mime, StorageReference};
use object_store::ObjectStore as _;
use test_servers::proxy::FaultProxy;
use test_servers::s3::S3Server;

use super::policy::Policy;
use crate::clouds::erased::beneath;
use crate::clouds::{s3_at, s3_server};
use crate::store::{about, full, holds, listed, noise};

/// A bucket with media, which someone with all rights stored.
pub(super) struct World {
    pub(super) server: S3Server,
    pub(super) all: ObjectMediaStore,
    pub(super) media: Vec<(StorageReference, Bytes)>,
    _dir: tempfile::TempDir,
}

/// A store whose requests pass a filter.
pub(super) struct Limited {
    pub(super) store: ObjectMediaStore,
    _proxy: FaultProxy,
}

impl std::ops::Deref for Limited {
    type Target = ObjectMediaStore;

    fn deref(&self) -> &ObjectMediaStore {
        &self.store
    }
}

fn at(server: &S3Server, endpoint: &str) -> ObjectMediaStoreBuilder {
    s3_at(server, endpoint).with_url(format!("s3://{}/media", server.bucket()))
}

pub(super) async fn limited(
    server: &S3Server,
    policy: &Policy,
    open: impl FnOnce(ObjectMediaStoreBuilder) -> ObjectMediaStoreBuilder,
) -> Limited {
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    proxy.set_script(policy.script());
    let store = open(at(server, &proxy.endpoint())).build().await.unwrap();
    Limited {
        store,
        _proxy: proxy,
    }
}

pub(super) fn existing(builder: ObjectMediaStoreBuilder) -> ObjectMediaStoreBuilder {
    builder.with_existing(true)
}

pub(super) fn of_user(conversation: &str) -> MediaMetadata {
    about(conversation).with_user("user-1".parse().unwrap())
}

pub(super) fn hours(metadata: MediaMetadata) -> MediaMetadata {
    metadata.with_retention(RetentionPolicy::RetainHours(5))
}

pub(super) async fn put(
    store: &ObjectMediaStore,
    bytes: Bytes,
    metadata: MediaMetadata,
) -> StorageReference {
    store_of(store, bytes, metadata).await.unwrap()
}

pub(super) async fn store_of(
    store: &ObjectMediaStore,
    bytes: Bytes,
    metadata: MediaMetadata,
) -> Result<StorageReference, StorageError> {
    store.store_bytes(Mime::IMAGE_PNG, bytes, metadata).await
}

impl World {
    pub(super) async fn new(deduplication: bool) -> Self {
        let (server, dir) = s3_server().await;
        let builder = at(&server, &server.endpoint()).with_deduplication(deduplication);
        let all = builder.build().await.unwrap();
        let mut media = Vec::new();
        for (seed, metadata) in [
            (1, of_user("conv-1")),
            (2, about("conv-2")),
            (1, hours(of_user("conv-2"))),
            (3, hours(about("conv-3"))),
        ] {
            let bytes = noise(seed, 3000);
            media.push((put(&all, bytes.clone(), metadata).await, bytes));
        }
        let world = Self {
            server,
            all,
            media,
            _dir: dir,
        };
        world.settle().await;
        world
    }

    /// Lets whatever was left behind be old, and sweeps it.
    pub(super) async fn settle(&self) {
        self.server.age("", TimeDelta::days(30));
        assert_eq!(self.all.sweep(full()).await.unwrap().failed, 0);
    }

    /// Returns the names and entity tags of all objects.
    pub(super) async fn objects(&self) -> BTreeMap<String, Option<String>> {
        let bucket = beneath(&self.server);
        let all: Vec<_> = bucket.list(None).try_collect().await.unwrap();
        all.into_iter()
            .map(|meta| (meta.location.to_string(), meta.e_tag))
            .collect()
    }

    /// All media is still there, as it was stored.
    pub(super) async fn is_whole(&self) {
        for (reference, bytes) in &self.media {
            holds(&self.all, reference, bytes).await;
        }
        assert_eq!(listed(&self.all).await.len(), self.media.len());
        assert_eq!(self.server.open_uploads(), 0);
    }
}
