//! Walking over references: keys, and the sidecars that they lead to.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use media_storage::StorageError;
use object_store::ObjectMeta;
use object_store::path::Path;

use crate::bucket::{Bucket, Keys, MediaKey, OuterObject};
use crate::reference::sidecar::{self, Descriptor};
use crate::reference::tombstone::Tombstone;

/// Maximum number of sidecars that are read at the same time.
pub(super) const CONCURRENCY: usize = 16;

/// Item of a walk.
#[derive(Clone, Debug)]
pub(super) enum WalkItem {
    /// A sidecar.
    Reference(ListedReference),
    /// Media that is not followed by its sidecar.
    MediaOnly(OwnObject),
    /// A sidecar that was buried or retired.
    Tombstone(BuriedSidecar),
}

/// The tombstone of a sidecar in a listing.
#[derive(Clone, Debug)]
pub(super) struct BuriedSidecar {
    pub(super) key: MediaKey,
    pub(super) modified: DateTime<Utc>,
    /// Whether it has the size of one that an import may replace.
    pub(super) retired: bool,
    /// Size of the tombstone, in bytes.
    pub(super) size: u64,
}

impl From<BuriedSidecar> for ListedReference {
    fn from(buried: BuriedSidecar) -> Self {
        Self {
            key: buried.key,
            modified: buried.modified,
            size: buried.size,
            own: None,
        }
    }
}

/// A sidecar in a listing.
#[derive(Clone, Debug)]
pub(super) struct ListedReference {
    pub(super) key: MediaKey,
    pub(super) modified: DateTime<Utc>,
    /// Size of the sidecar, in bytes.
    pub(super) size: u64,
    /// The media beside the sidecar.
    pub(super) own: Option<OwnObject>,
}

/// Media that is not shared.
#[derive(Clone, Debug)]
pub(super) struct OwnObject {
    pub(super) key: MediaKey,
    pub(super) size: u64,
    pub(super) modified: DateTime<Utc>,
}

struct Walk {
    listed: BoxStream<'static, Result<ObjectMeta, StorageError>>,
    keys: Keys,
    /// Media whose sidecar may be the next object.
    held: Option<OwnObject>,
    ready: VecDeque<Result<WalkItem, StorageError>>,
    ended: bool,
}

impl Walk {
    fn receive(&mut self, listed: Option<Result<ObjectMeta, StorageError>>) {
        let meta = match listed {
            Some(Ok(meta)) => meta,
            Some(Err(error)) => {
                // A listing does not continue after an error.
                self.ended = true;
                return self.ready.push_back(Err(error));
            }
            None => {
                self.ended = true;
                return self.release_held();
            }
        };
        let modified = meta.last_modified;
        match self.keys.outer(&meta.location) {
            None | Some(OuterObject::Other) => {}
            Some(OuterObject::Media(key)) => {
                self.release_held();
                self.held = Some(OwnObject {
                    key,
                    size: meta.size,
                    modified,
                });
            }
            Some(OuterObject::Sidecar(key)) if Tombstone::of_size(meta.size).is_some() => {
                self.release_held();
                let retired = Tombstone::of_size(meta.size) == Some(Tombstone::Retired);
                let buried = BuriedSidecar {
                    key,
                    modified,
                    retired,
                    size: meta.size,
                };
                self.ready.push_back(Ok(WalkItem::Tombstone(buried)));
            }
            Some(OuterObject::Sidecar(key)) => {
                let own = self.held.take_if(|own| own.key == key);
                self.release_held();
                let reference = ListedReference {
                    key,
                    modified,
                    size: meta.size,
                    own,
                };
                self.ready.push_back(Ok(WalkItem::Reference(reference)));
            }
        }
    }

    fn release_held(&mut self) {
        let own = self.held.take();
        self.ready
            .extend(own.map(|own| Ok(WalkItem::MediaOnly(own))));
    }
}

/// Walks over everything under a root. Costs one listing.
pub(super) fn walk(
    bucket: &Bucket,
    keys: &Keys,
    root: &Path,
) -> BoxStream<'static, Result<WalkItem, StorageError>> {
    walk_after(bucket, keys, root, None)
}

/// Walks over what is under a root, after a name if one is given. Costs one listing.
pub(super) fn walk_after(
    bucket: &Bucket,
    keys: &Keys,
    root: &Path,
    after: Option<&Path>,
) -> BoxStream<'static, Result<WalkItem, StorageError>> {
    let walk = Walk {
        listed: bucket.list(root, after),
        keys: keys.clone(),
        held: None,
        ready: VecDeque::new(),
        ended: false,
    };
    let items = stream::unfold(walk, |mut walk| async move {
        loop {
            if let Some(item) = walk.ready.pop_front() {
                return Some((item, walk));
            }
            if walk.ended {
                return None;
            }
            let listed = walk.listed.next().await;
            walk.receive(listed);
        }
    });
    items.boxed()
}

/// A reference whose sidecar was read.
#[derive(Debug)]
pub(super) struct ReadReference {
    pub(super) listed: ListedReference,
    /// The sidecar; `None` if it has been removed. An error concerns this reference only.
    pub(super) descriptor: Result<Option<Descriptor>, StorageError>,
}

/// Item of a walk that reads sidecars.
#[derive(Debug)]
pub(super) enum ReadItem {
    Reference(Box<ReadReference>),
    MediaOnly(OwnObject),
}

async fn read_one(bucket: &Bucket, keys: &Keys, listed: ListedReference) -> ReadItem {
    let descriptor = sidecar::read(bucket, keys, &listed.key).await;
    ReadItem::Reference(Box::new(ReadReference { listed, descriptor }))
}

/// Reads the sidecars of a walk, several at the same time. An error of the stream is an error of the
/// listing.
pub(super) fn read_all(
    bucket: &Bucket,
    keys: &Keys,
    items: BoxStream<'static, Result<WalkItem, StorageError>>,
) -> BoxStream<'static, Result<ReadItem, StorageError>> {
    let (bucket, keys) = (bucket.clone(), keys.clone());
    items
        .map(move |item| {
            let (bucket, keys) = (bucket.clone(), keys.clone());
            async move {
                Ok(match item? {
                    WalkItem::MediaOnly(own) => Some(ReadItem::MediaOnly(own)),
                    WalkItem::Tombstone(buried) if !buried.retired || keys.second().is_none() => {
                        None
                    }
                    // A damaged sidecar can have that size too.
                    WalkItem::Tombstone(buried) => {
                        Some(read_one(&bucket, &keys, buried.into()).await)
                    }
                    WalkItem::Reference(listed) => Some(read_one(&bucket, &keys, listed).await),
                })
            }
        })
        .buffer_unordered(CONCURRENCY)
        .try_filter_map(|item| std::future::ready(Ok(item)))
        .boxed()
}
