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
            entry: None,
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
    /// The entry of the index that led to it.
    pub(super) entry: Option<Path>,
}

/// Media that is not shared.
#[derive(Clone, Debug)]
pub(super) struct OwnObject {
    pub(super) key: MediaKey,
    pub(super) size: u64,
    pub(super) modified: DateTime<Utc>,
}

/// Step of a walk.
#[derive(Clone, Debug)]
pub(super) enum WalkStep {
    Item(WalkItem),
    /// The items of all objects up to this name came before.
    Passed(Path),
}

struct Walk {
    listed: BoxStream<'static, Result<ObjectMeta, StorageError>>,
    keys: Keys,
    /// Media whose sidecar may be the next object, and its name.
    held: Option<(OwnObject, Path)>,
    ready: VecDeque<Result<WalkStep, StorageError>>,
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
            None | Some(OuterObject::Other) => {
                // The sidecar of media that is held can still follow.
                if self.held.is_none() {
                    self.ready.push_back(Ok(WalkStep::Passed(meta.location)));
                }
                return;
            }
            Some(OuterObject::Media(key)) => {
                self.release_held();
                let own = OwnObject {
                    key,
                    size: meta.size,
                    modified,
                };
                self.held = Some((own, meta.location));
                return;
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
                self.push(WalkItem::Tombstone(buried));
            }
            Some(OuterObject::Sidecar(key)) => {
                let own = self.held.take_if(|(own, _)| own.key == key);
                let own = own.map(|(own, _)| own);
                self.release_held();
                let reference = ListedReference {
                    key,
                    modified,
                    size: meta.size,
                    own,
                    entry: None,
                };
                self.push(WalkItem::Reference(reference));
            }
        }
        self.ready.push_back(Ok(WalkStep::Passed(meta.location)));
    }

    fn push(&mut self, item: WalkItem) {
        self.ready.push_back(Ok(WalkStep::Item(item)));
    }

    fn release_held(&mut self) {
        if let Some((own, name)) = self.held.take() {
            self.push(WalkItem::MediaOnly(own));
            self.ready.push_back(Ok(WalkStep::Passed(name)));
        }
    }
}

/// Walks over everything under a root. Costs one listing.
pub(super) fn walk(
    bucket: &Bucket,
    keys: &Keys,
    root: &Path,
) -> BoxStream<'static, Result<WalkItem, StorageError>> {
    let steps = walk_steps(bucket, keys, root, None);
    let items = steps.try_filter_map(|step| {
        std::future::ready(Ok(match step {
            WalkStep::Item(item) => Some(item),
            WalkStep::Passed(_) => None,
        }))
    });
    items.boxed()
}

/// Walks over what is under a root, after a name if one is given, and says how far it is. Costs one listing.
pub(super) fn walk_steps(
    bucket: &Bucket,
    keys: &Keys,
    root: &Path,
    after: Option<&Path>,
) -> BoxStream<'static, Result<WalkStep, StorageError>> {
    let walk = Walk {
        listed: bucket.list(root, after),
        keys: keys.clone(),
        held: None,
        ready: VecDeque::new(),
        ended: false,
    };
    let steps = stream::unfold(walk, |mut walk| async move {
        loop {
            if let Some(step) = walk.ready.pop_front() {
                return Some((step, walk));
            }
            if walk.ended {
                return None;
            }
            let listed = walk.listed.next().await;
            walk.receive(listed);
        }
    });
    steps.boxed()
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

#[cfg(test)]
mod tests {
    use super::*;
    use media_storage::Operation;
    use object_store::memory::InMemory;
    use object_store::{ObjectStore, ObjectStoreExt as _};
    use std::sync::Arc;

    /// Media and its sidecar belong together: the walk is not between them. Other objects are passed too.
    #[tokio::test]
    async fn a_walk_says_how_far_it_is() {
        let token = |n: u32| format!("000000-{n:026}.png");
        let (one, two, three) = (token(1), token(2), token(3));
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        for name in [
            ".store/v2/rec/0".to_owned(),
            one.clone(),
            format!("{one}.meta"),
            two.clone(),
            format!("{three}.meta"),
        ] {
            let sidecar = vec![b' '; 600];
            store.put(&Path::from(name), sidecar.into()).await.unwrap();
        }
        let bucket = Bucket::new(store, "memory".into()).during(Operation::Sweep);
        let keys = Keys::new(Path::default());
        let steps = walk_steps(&bucket, &keys, keys.prefix(), None);
        let steps: Vec<_> = steps
            .map_ok(|step| match step {
                WalkStep::Item(WalkItem::Reference(_)) => "reference".to_owned(),
                WalkStep::Item(WalkItem::MediaOnly(_)) => "media".to_owned(),
                WalkStep::Item(WalkItem::Tombstone(_)) => "tombstone".to_owned(),
                WalkStep::Passed(name) => name.to_string(),
            })
            .try_collect()
            .await
            .unwrap();
        let expected = [
            ".store/v2/rec/0",
            "reference",
            &format!("{one}.meta"),
            "media",
            &two,
            "reference",
            &format!("{three}.meta"),
        ];
        assert_eq!(steps, expected);
    }
}
