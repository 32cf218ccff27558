//! Walking over references: keys, and the sidecars that they lead to.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use media_storage::{Scope, StorageError, StorageErrorKind};
use object_store::ObjectMeta;
use object_store::path::Path;

use crate::bucket::{Bucket, Keys, MediaKey, OuterObject};
use crate::reference::layout::root_of;
use crate::reference::sidecar::{self, ByteLocation, Descriptor};

/// Maximum number of sidecars that are read at the same time.
const CONCURRENCY: usize = 16;

/// Item of a walk.
#[derive(Clone, Debug)]
pub(super) enum WalkItem {
    /// A sidecar.
    Reference(ListedReference),
    /// Media that is not followed by its sidecar.
    MediaOnly(OwnObject),
}

/// A sidecar in a listing.
#[derive(Clone, Debug)]
pub(super) struct ListedReference {
    pub(super) key: MediaKey,
    pub(super) modified: DateTime<Utc>,
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
            Some(OuterObject::Sidecar(key)) => {
                let own = self.held.take_if(|own| own.key == key);
                self.release_held();
                let reference = ListedReference { key, modified, own };
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
    let walk = Walk {
        listed: bucket.list(root, None),
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
                    WalkItem::MediaOnly(own) => ReadItem::MediaOnly(own),
                    WalkItem::Reference(listed) => {
                        let descriptor = sidecar::read(&bucket, &keys, &listed.key).await;
                        ReadItem::Reference(Box::new(ReadReference { listed, descriptor }))
                    }
                })
            }
        })
        .buffer_unordered(CONCURRENCY)
        .boxed()
}

/// A reference that belongs to a scope.
#[derive(Debug)]
pub(super) struct ScopedReference {
    pub(super) key: MediaKey,
    pub(super) descriptor: Descriptor,
}

/// Error of a walk.
#[derive(Debug)]
pub(super) enum WalkError {
    /// The listing failed; the walk has ended.
    Listing(StorageError),
    /// The sidecar of one reference is damaged; the walk continues.
    Reference(MediaKey, StorageError),
}

/// Walks over the references of a scope.
pub(super) fn in_scope(
    bucket: &Bucket,
    keys: &Keys,
    scope: Scope,
) -> BoxStream<'static, Result<ScopedReference, WalkError>> {
    let (bucket, keys) = (bucket.clone(), keys.clone());
    let items = {
        let (bucket, keys, scope) = (bucket.clone(), keys.clone(), scope.clone());
        stream::once(async move {
            match root_of(&bucket, &keys, &scope).await {
                Ok(root) => read_all(&bucket, &keys, walk(&bucket, &keys, &root)),
                Err(error) => stream::iter([Err(error)]).boxed(),
            }
        })
    };
    items
        .flatten()
        .filter_map(move |item| {
            let (bucket, keys, scope) = (bucket.clone(), keys.clone(), scope.clone());
            async move { member(&bucket, &keys, &scope, item).await.transpose() }
        })
        .boxed()
}

async fn member(
    bucket: &Bucket,
    keys: &Keys,
    scope: &Scope,
    item: Result<ReadItem, StorageError>,
) -> Result<Option<ScopedReference>, WalkError> {
    let ReadReference { listed, descriptor } = match item.map_err(WalkError::Listing)? {
        ReadItem::Reference(read) => *read,
        ReadItem::MediaOnly(_) => return Ok(None),
    };
    let descriptor = match descriptor {
        Ok(Some(descriptor)) => descriptor,
        Ok(None) => return Ok(None),
        Err(error) if error.kind() == StorageErrorKind::Corrupted => {
            return Err(WalkError::Reference(listed.key, error));
        }
        Err(error) => return Err(WalkError::Listing(error)),
    };
    if !descriptor.sidecar.is_in(scope) {
        return Ok(None);
    }
    let exists = descriptor.exists(bucket, keys, &listed.key).await;
    if !exists.map_err(WalkError::Listing)? {
        return Ok(None);
    }
    // The sidecar is written before an upload is completed.
    if descriptor.location == ByteLocation::Own && listed.own.is_none() {
        let object = keys.media(&listed.key).map_err(WalkError::Listing)?;
        let found = bucket.head(&object).await.map_err(WalkError::Listing)?;
        if found.is_none() {
            return Ok(None);
        }
    }
    Ok(Some(ScopedReference {
        key: listed.key,
        descriptor,
    }))
}
