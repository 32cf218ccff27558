//! Counting references and bytes.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::iter;

use futures_util::stream::{StreamExt as _, TryStreamExt as _};
use media_storage::{Operation, Scope, StorageError, Usage};

use super::contents::{ContentItem, Walked, contents};
use super::scoped::{Members, ScopedReference, WalkError, in_scope};
use super::walk::{ListedReference, OwnObject, WalkItem, walk};
use crate::bucket::Bucket;
use crate::reference::flags::SidecarFlags;
use crate::reference::sidecar::{ByteLocation, Descriptor};
use crate::shared::{Shared, Sharing};

/// Returns the usage of a scope.
pub(crate) async fn usage(shared: &Shared, scope: Scope) -> Result<Usage, StorageError> {
    match scope {
        Scope::All => usage_of_all(shared).await,
        scope => usage_of_scope(shared, scope).await,
    }
}

fn count_own(usage: &mut Usage, size: u64, sharing: Sharing) {
    usage.references += 1;
    usage.blobs += 1;
    usage.logical_bytes += size;
    usage.stored_bytes += size;
    if sharing != Sharing::Off {
        usage.copies += 1;
    }
}

/// Returns the usage of the whole store by listings alone.
pub(super) async fn usage_of_all(shared: &Shared) -> Result<Usage, StorageError> {
    let bucket = shared.bucket(Operation::Usage);
    let sharing = shared.options.sharing;
    let mut usage = Usage::default();
    let second = shared.keys.second().cloned();
    for walked in iter::once(Walked::First).chain(second.map(Walked::Second)) {
        count_shared(&mut usage, &bucket, shared, walked).await?;
    }
    let mut outer = walk(&bucket, &shared.keys, shared.keys.prefix());
    let mut apart = Apart::default();
    while let Some(item) = outer.try_next().await? {
        let size = match item {
            WalkItem::MediaOnly(own) if shared.keys.second().is_some() => apart.media(&own),
            WalkItem::MediaOnly(own) => Some(own.size),
            WalkItem::Tombstone(_) => None,
            WalkItem::Reference(reference) => match &reference.own {
                Some(own) => Some(own.size),
                None => apart.sidecar(&reference),
            },
        };
        if let Some(size) = size {
            count_own(&mut usage, size, sharing);
        }
    }
    // Bytes without a sidecar belong to no reference, but are stored.
    usage.blobs += apart.media.len() as u64;
    usage.stored_bytes += apart.media.values().sum::<u64>();
    Ok(usage)
}

/// Media and sidecars that a listing did not show beside each other: few, unless the service lists in no
/// order.
#[derive(Debug, Default)]
struct Apart {
    hasher: RandomState,
    /// Sizes of media, by the hash of its id.
    media: HashMap<u64, u64>,
    /// Hashes of the ids of sidecars that describe media of their own.
    sidecars: HashSet<u64>,
}

impl Apart {
    /// Adds media. Returns its size if its sidecar was listed before.
    fn media(&mut self, own: &OwnObject) -> Option<u64> {
        let id = self.hasher.hash_one(own.key.id());
        if self.sidecars.remove(&id) {
            return Some(own.size);
        }
        self.media.insert(id, own.size);
        None
    }

    /// Adds a sidecar. Returns the size of its media if that was listed before.
    fn sidecar(&mut self, listed: &ListedReference) -> Option<u64> {
        let id = self.hasher.hash_one(listed.key.id());
        let size = self.media.remove(&id);
        let flags = SidecarFlags::of_size(listed.size);
        if size.is_none() && flags.is_some_and(|flags| !flags.shared) {
            self.sidecars.insert(id);
        }
        size
    }
}

/// Counts the bytes that the references of a protocol share.
async fn count_shared(
    usage: &mut Usage,
    bucket: &Bucket,
    shared: &Shared,
    walked: Walked,
) -> Result<(), StorageError> {
    let before = *usage;
    let mut all = contents(bucket, &shared.keys, walked, None)?;
    while let Some(item) = all.try_next().await? {
        let ContentItem::Content(listing) = item else {
            *usage = before;
            continue;
        };
        for generation in listing.generations.values() {
            usage.references += generation.markers;
            if let Some(size) = generation.blob {
                usage.blobs += 1;
                usage.stored_bytes += size;
                usage.logical_bytes += size * generation.markers;
            }
        }
    }
    Ok(())
}

/// Returns the usage of a scope by reading its sidecars.
async fn usage_of_scope(shared: &Shared, scope: Scope) -> Result<Usage, StorageError> {
    let bucket = shared.bucket(Operation::Usage);
    let (hasher, mut blobs) = (RandomState::new(), HashSet::new());
    let mut usage = Usage::default();
    let mut members = in_scope(&bucket, &shared.keys, scope, Members::Existing);
    while let Some(member) = members.next().await {
        let Descriptor {
            sidecar, location, ..
        } = match member {
            Ok(ScopedReference { descriptor, .. }) => descriptor,
            Err(WalkError::Listing(error)) => return Err(error),
            // The scope of a damaged sidecar is unknown; it counts for the whole store only.
            Err(WalkError::Reference(..)) => continue,
        };
        let size = sidecar.size_bytes;
        match location {
            ByteLocation::Own => count_own(&mut usage, size, shared.options.sharing),
            ByteLocation::Shared(generation) => {
                usage.references += 1;
                usage.logical_bytes += size;
                if blobs.insert(hasher.hash_one((sidecar.sha256, generation))) {
                    usage.blobs += 1;
                    usage.stored_bytes += size;
                }
            }
        }
    }
    Ok(usage)
}
