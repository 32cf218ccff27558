//! Walking over shared bytes: the generations of each hash, with their blobs and markers.

use std::collections::{BTreeMap, HashSet};
use std::pin::Pin;

use chrono::{DateTime, Utc};
use futures_util::stream::{self, BoxStream, Peekable, StreamExt, TryStreamExt};
use media_storage::StorageError;
use media_types::Sha256;
use object_store::ObjectMeta;

use crate::bucket::{Bucket, Keys};
use crate::protocol::Nonce;

/// The generations of one hash.
#[derive(Clone, Debug)]
pub(super) struct ContentListing {
    pub(super) sha256: Sha256,
    pub(super) generations: BTreeMap<Nonce, GenerationListing>,
}

/// The objects of one generation.
#[derive(Clone, Copy, Debug)]
pub(super) struct GenerationListing {
    pub(super) markers: u64,
    /// Size of the blob, if it exists.
    pub(super) blob: Option<u64>,
    /// Time of the last write.
    pub(super) newest: DateTime<Utc>,
}

/// Item of the walk.
#[derive(Clone, Debug)]
pub(super) enum ContentItem {
    Content(ContentListing),
    /// The service does not list in order: earlier items are void, and all follow again.
    Restart,
}

#[derive(Clone, Copy, Debug)]
struct Item {
    sha256: Sha256,
    generation: Nonce,
    /// Size of a blob; `None` for a marker.
    blob: Option<u64>,
    modified: DateTime<Utc>,
}

type Items = BoxStream<'static, Result<Item, StorageError>>;

fn items(listed: BoxStream<'static, Result<ObjectMeta, StorageError>>, keys: &Keys) -> Items {
    let keys = keys.clone();
    let parsed = listed.try_filter_map(move |meta| {
        let modified = meta.last_modified;
        let item = match keys.parse_blob(&meta.location) {
            Some((sha256, generation)) => Some(Item {
                sha256,
                generation,
                blob: Some(meta.size),
                modified,
            }),
            None => keys.parse_marker(&meta.location).map(|name| Item {
                sha256: name.sha256,
                generation: name.generation,
                blob: None,
                modified,
            }),
        };
        std::future::ready(Ok(item))
    });
    parsed.boxed()
}

impl ContentListing {
    fn new(sha256: Sha256) -> Self {
        Self {
            sha256,
            generations: BTreeMap::new(),
        }
    }

    fn add(&mut self, item: Item) {
        let generation = self.generations.entry(item.generation);
        let generation = generation.or_insert(GenerationListing {
            markers: 0,
            blob: None,
            newest: item.modified,
        });
        generation.newest = generation.newest.max(item.modified);
        match item.blob {
            Some(size) => generation.blob = Some(size),
            None => generation.markers += 1,
        }
    }
}

/// Walks over all hashes. Costs two listings if the service lists in order; otherwise also two
/// listings and 32 bytes of memory for each hash.
pub(super) fn contents(
    bucket: &Bucket,
    keys: &Keys,
) -> Result<BoxStream<'static, Result<ContentItem, StorageError>>, StorageError> {
    let merge = Merge {
        markers: items(bucket.list(&keys.all_markers()?, None), keys).peekable(),
        blobs: items(bucket.list(&keys.blobs()?, None), keys).peekable(),
        last: None,
    };
    let (bucket, keys) = (bucket.clone(), keys.clone());
    let ordered = stream::unfold(Some(merge), |merge| async move {
        let mut merge = merge?;
        match merge.next().await {
            Ok(Next::Content(listing)) => Some((Ok(ContentItem::Content(listing)), Some(merge))),
            Ok(Next::OutOfOrder) => Some((Ok(ContentItem::Restart), None)),
            Ok(Next::End) => None,
            Err(error) => Some((Err(error), None)),
        }
    });
    let all = ordered.flat_map(move |item| match item {
        Ok(ContentItem::Restart) => {
            let restart = stream::iter([Ok(ContentItem::Restart)]);
            restart.chain(one_by_one(&bucket, &keys)).boxed()
        }
        other => stream::iter([other]).boxed(),
    });
    Ok(all.boxed())
}

/// Merges the listings of markers and blobs by hash.
struct Merge {
    markers: Peekable<Items>,
    blobs: Peekable<Items>,
    last: Option<Sha256>,
}

enum Next {
    Content(ContentListing),
    OutOfOrder,
    End,
}

async fn peek(items: &mut Peekable<Items>) -> Result<Option<Sha256>, StorageError> {
    match Pin::new(&mut *items).peek().await {
        None => Ok(None),
        Some(Ok(item)) => Ok(Some(item.sha256)),
        Some(Err(_)) => match items.next().await {
            Some(Err(error)) => Err(error),
            _ => Ok(None),
        },
    }
}

impl Merge {
    async fn next(&mut self) -> Result<Next, StorageError> {
        let first = [peek(&mut self.markers).await?, peek(&mut self.blobs).await?];
        let Some(sha256) = first.into_iter().flatten().min() else {
            return Ok(Next::End);
        };
        if self.last.is_some_and(|last| sha256 <= last) {
            return Ok(Next::OutOfOrder);
        }
        self.last = Some(sha256);
        let mut listing = ContentListing::new(sha256);
        for items in [&mut self.markers, &mut self.blobs] {
            while peek(items).await? == Some(sha256) {
                if let Some(item) = items.next().await {
                    listing.add(item?);
                }
            }
        }
        Ok(Next::Content(listing))
    }
}

/// Lists the generations of one hash.
async fn content(
    bucket: &Bucket,
    keys: &Keys,
    sha256: Sha256,
) -> Result<ContentListing, StorageError> {
    let mut listing = ContentListing::new(sha256);
    for prefix in [keys.markers_of(sha256)?, keys.blobs_of(sha256)?] {
        let mut items = items(bucket.list(&prefix, None), keys);
        while let Some(item) = items.try_next().await? {
            listing.add(item);
        }
    }
    Ok(listing)
}

/// Walks over all hashes of a service that does not list in order.
fn one_by_one(
    bucket: &Bucket,
    keys: &Keys,
) -> BoxStream<'static, Result<ContentItem, StorageError>> {
    let prefixes = [keys.all_markers(), keys.blobs()];
    let lists = prefixes.map(|prefix| match prefix {
        Ok(prefix) => items(bucket.list(&prefix, None), keys),
        Err(error) => stream::iter([Err(error)]).boxed(),
    });
    let (bucket, keys) = (bucket.clone(), keys.clone());
    let mut seen = HashSet::new();
    stream::iter(lists)
        .flatten()
        .try_filter_map(move |item| {
            let new = seen.insert(item.sha256);
            std::future::ready(Ok(new.then_some(item.sha256)))
        })
        .and_then(move |sha256| {
            let (bucket, keys) = (bucket.clone(), keys.clone());
            async move { Ok(ContentItem::Content(content(&bucket, &keys, sha256).await?)) }
        })
        .boxed()
}
