//! The references of a scope, found by listings as far as possible.

use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use media_storage::layout::{CaseRule, encode_segment};
use media_storage::{Scope, StorageError, StorageErrorKind};
use media_types::UserId;
use object_store::ObjectMeta;

use super::first_media::any_first;
use super::walk::{
    CONCURRENCY, ListedReference, ReadItem, ReadReference, WalkItem, read_all, walk,
};
use crate::bucket::{Bucket, Keys, MediaKey, SecondKeys, UserEntry};
use crate::reference::layout::root_of;
use crate::reference::sidecar::{ByteLocation, Descriptor, Protocol};
use crate::second::ReferenceObjects;

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

/// Which references of a scope are members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Members {
    /// Those that can be read.
    Existing,
    /// All with a sidecar: a deletion also buries what stores that died left, so that a copy of their
    /// requests that arrives later is refused.
    Described,
}

/// Walks over the references of a scope.
pub(super) fn in_scope(
    bucket: &Bucket,
    keys: &Keys,
    scope: Scope,
    members: Members,
) -> BoxStream<'static, Result<ScopedReference, WalkError>> {
    let (bucket, keys) = (bucket.clone(), keys.clone());
    let items = {
        let (bucket, keys, scope) = (bucket.clone(), keys.clone(), scope.clone());
        stream::once(async move {
            match candidates(&bucket, &keys, scope).await {
                Ok(candidates) => read_all(&bucket, &keys, candidates),
                Err(error) => stream::iter([Err(error)]).boxed(),
            }
        })
    };
    items
        .flatten()
        .map(move |item| {
            let (bucket, keys, scope) = (bucket.clone(), keys.clone(), scope.clone());
            async move {
                member(&bucket, &keys, &scope, members, item)
                    .await
                    .transpose()
            }
        })
        .buffer_unordered(CONCURRENCY)
        .filter_map(std::future::ready)
        .boxed()
}

/// Lists what may belong to a scope.
async fn candidates(
    bucket: &Bucket,
    keys: &Keys,
    scope: Scope,
) -> Result<BoxStream<'static, Result<WalkItem, StorageError>>, StorageError> {
    let filter = SegmentFilter::new(&scope);
    let items = match (user_of(&scope), keys.second()) {
        (Some(user), Some(second)) if is_index_complete(bucket, keys).await? => {
            indexed(bucket, second, user)?
        }
        _ => walk(bucket, keys, &root_of(bucket, keys, &scope).await?),
    };
    let items = items.try_filter(move |item| {
        std::future::ready(match item {
            WalkItem::Reference(listed) => filter.may_contain(&listed.key),
            WalkItem::Tombstone(buried) => buried.retired && filter.may_contain(&buried.key),
            WalkItem::MediaOnly(_) => false,
        })
    });
    Ok(items.boxed())
}

/// Returns the user that all media of a scope belongs to, if it names one.
pub(super) fn user_of(scope: &Scope) -> Option<&UserId> {
    scope.parts().into_iter().find_map(|part| match part {
        Scope::User(user) => Some(user),
        _ => None,
    })
}

/// Whether the index of users contains all media. A process that knows only the first protocol adds
/// nothing to it, also after the note was written.
async fn is_index_complete(bucket: &Bucket, keys: &Keys) -> Result<bool, StorageError> {
    let note = keys.users_complete()?;
    let (note, first) = tokio::try_join!(bucket.head(&note), any_first(bucket, keys))?;
    Ok(note.is_some() && !first)
}

/// Lists the references in the index of a user.
fn indexed(
    bucket: &Bucket,
    second: &SecondKeys,
    user: &UserId,
) -> Result<BoxStream<'static, Result<WalkItem, StorageError>>, StorageError> {
    let entries = index_entries(bucket, second, user)?.map_ok(|(meta, key)| {
        WalkItem::Reference(ListedReference {
            key,
            modified: meta.last_modified,
            size: 0,
            own: None,
            entry: Some(meta.location),
        })
    });
    Ok(entries.boxed())
}

/// An entry in the index of a user, and the media that it names.
type IndexEntry = Result<(ObjectMeta, MediaKey), StorageError>;

/// Lists the entries in the index of a user.
pub(super) fn index_entries(
    bucket: &Bucket,
    second: &SecondKeys,
    user: &UserId,
) -> Result<BoxStream<'static, IndexEntry>, StorageError> {
    let listed = bucket.list(&second.user(user)?, None);
    let (bucket, second) = (bucket.clone(), second.clone());
    let items = listed.map(move |meta| {
        let (bucket, second) = (bucket.clone(), second.clone());
        async move {
            let meta = meta?;
            let key = match second.parse_user_entry(&meta.location) {
                Some(UserEntry::Named(key)) => Some(key),
                Some(UserEntry::InBody(_)) => {
                    let body = bucket.get(&meta.location, 1024).await?;
                    body.and_then(|(id, _)| std::str::from_utf8(&id).ok().and_then(MediaKey::parse))
                }
                None => None,
            };
            Ok(key.map(|key| (meta, key)))
        }
    });
    let items = items.buffer_unordered(CONCURRENCY);
    Ok(items
        .try_filter_map(|item| std::future::ready(Ok(item)))
        .boxed())
}

/// What the directories in a key say about its scope.
#[derive(Clone, Debug)]
struct SegmentFilter {
    /// Encoded ids, and the place of each from the end.
    wanted: Vec<(String, usize)>,
}

impl SegmentFilter {
    fn new(scope: &Scope) -> Self {
        let segment = |id: &str| encode_segment(id, CaseRule::Sensitive);
        let wanted = scope.parts().into_iter().filter_map(|part| match part {
            Scope::Conversation(id) => Some((segment(id.as_ref()), 0)),
            Scope::Session(id) => Some((segment(id.as_ref()), 1)),
            Scope::Run(id) => Some((segment(id.as_ref()), 2)),
            _ => None,
        });
        Self {
            wanted: wanted.collect(),
        }
    }

    /// Whether media with this key may belong to the scope. In all organizations, the last directory
    /// is the conversation, the one above it the session, and the one above that the run.
    fn may_contain(&self, key: &MediaKey) -> bool {
        let directories = key.directories();
        self.wanted.iter().all(|(wanted, from_end)| {
            let directory = directories.iter().rev().nth(*from_end);
            directory.is_none_or(|directory| directory == wanted)
        })
    }
}

async fn member(
    bucket: &Bucket,
    keys: &Keys,
    scope: &Scope,
    members: Members,
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
    if members == Members::Described && descriptor.protocol == Protocol::Second {
        return Ok(Some(ScopedReference {
            key: listed.key,
            descriptor,
        }));
    }
    // Media that was given away and back may have an entry for each time, and is one item.
    if let (Some(entry), Some(second), Protocol::Second) =
        (&listed.entry, keys.second(), descriptor.protocol)
    {
        let sidecar = Some(&descriptor.sidecar);
        let objects = ReferenceObjects::new(bucket, keys, second, &listed.key, sidecar);
        let twice = objects.has_entry_beside(entry).await;
        if twice.map_err(WalkError::Listing)? {
            return Ok(None);
        }
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
