//! Walking over hashes: the generations of each, with their blobs and markers.

use std::collections::{BTreeMap, HashSet};
use std::pin::Pin;

use chrono::{DateTime, Utc};
use futures_util::stream::{self, BoxStream, Peekable, StreamExt, TryStreamExt};
use media_storage::StorageError;
use media_types::Sha256;
use object_store::ObjectMeta;
use object_store::path::Path;

use crate::bucket::{Bucket, ContentName, Keys, MarkerState, SecondKeys};
use crate::protocol::Nonce;

/// The generations of one hash.
#[derive(Clone, Debug)]
pub(super) struct ContentListing {
    /// The hash; in the second protocol, the digest of its name.
    pub(super) sha256: Sha256,
    /// Size of the record, if there is one. Records of the first protocol are not listed.
    pub(super) record: Option<u64>,
    pub(super) generations: BTreeMap<Nonce, GenerationListing>,
}

/// The objects of one generation.
#[derive(Clone, Copy, Debug)]
pub(super) struct GenerationListing {
    /// Number of markers, without tombstones.
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
    kind: Kind,
    size: u64,
    modified: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Record,
    Blob(Nonce),
    Marker(Nonce),
}

/// What is walked over: all hashes of a protocol, or those of one shard. Records are listed too where
/// it says so.
#[derive(Clone, Debug)]
pub(super) enum Walked {
    First,
    Second(SecondKeys),
    SecondWithRecords(SecondKeys),
    ShardWithRecords(SecondKeys, &'static str),
}

impl Walked {
    /// Returns the prefixes of markers, blobs and listed records.
    fn prefixes(&self, keys: &Keys) -> Result<Vec<Path>, StorageError> {
        match self {
            Self::First => Ok(vec![keys.all_markers()?, keys.blobs()?]),
            Self::Second(second) => {
                let kinds = ["ref", "blob"];
                kinds.iter().map(|kind| second.all(kind)).collect()
            }
            Self::SecondWithRecords(second) => {
                let kinds = ["ref", "blob", "rec"];
                kinds.iter().map(|kind| second.all(kind)).collect()
            }
            Self::ShardWithRecords(second, digit) => {
                let kinds = ["ref", "blob", "rec"];
                kinds.iter().map(|kind| second.shard(kind, digit)).collect()
            }
        }
    }

    /// Returns what the listings of the prefixes begin after, to continue after a hash. `0` is the character
    /// after the slash that follows the name.
    fn offsets(&self, name: ContentName) -> Result<[Option<Path>; 3], StorageError> {
        let (Self::Second(second)
        | Self::SecondWithRecords(second)
        | Self::ShardWithRecords(second, _)) = self
        else {
            return Ok([None, None, None]);
        };
        Ok([
            Some(second.after_markers_of(name)?),
            Some(second.after_blobs_of(name)?),
            Some(second.record(name)?),
        ])
    }

    /// Returns the prefixes of the markers and blobs of a hash, and the name of its record.
    fn prefixes_of(
        &self,
        keys: &Keys,
        sha256: Sha256,
    ) -> Result<(Vec<Path>, Option<Path>), StorageError> {
        match self {
            Self::First => Ok((vec![keys.markers_of(sha256)?, keys.blobs_of(sha256)?], None)),
            Self::Second(second)
            | Self::SecondWithRecords(second)
            | Self::ShardWithRecords(second, _) => {
                let name = ContentName::of_digest(sha256);
                let prefixes = vec![second.markers_of(name)?, second.blobs_of(name)?];
                Ok((prefixes, Some(second.record(name)?)))
            }
        }
    }

    fn parse(&self, keys: &Keys, meta: &ObjectMeta) -> Option<Item> {
        let (sha256, kind) = match self {
            Self::First => match keys.parse_blob(&meta.location) {
                Some((sha256, generation)) => (sha256, Kind::Blob(generation)),
                None => {
                    let name = keys.parse_marker(&meta.location)?;
                    (name.sha256, Kind::Marker(name.generation))
                }
            },
            Self::Second(second)
            | Self::SecondWithRecords(second)
            | Self::ShardWithRecords(second, _) => {
                if let Some((name, generation)) = second.parse_blob(&meta.location) {
                    (name.digest(), Kind::Blob(generation))
                } else if let Some(marker) = second.parse_marker(&meta.location) {
                    (marker.name.digest(), Kind::Marker(marker.generation))
                } else {
                    let name = second.parse_record(&meta.location)?;
                    (name.digest(), Kind::Record)
                }
            }
        };
        Some(Item {
            sha256,
            kind,
            size: meta.size,
            modified: meta.last_modified,
        })
    }
}

type Items = BoxStream<'static, Result<Item, StorageError>>;

fn items(
    bucket: &Bucket,
    keys: &Keys,
    walked: &Walked,
    prefix: &Path,
    after: Option<&Path>,
) -> Items {
    let (keys, walked) = (keys.clone(), walked.clone());
    let parsed = bucket
        .list(prefix, after)
        .try_filter_map(move |meta| std::future::ready(Ok(walked.parse(&keys, &meta))));
    parsed.boxed()
}

impl ContentListing {
    fn new(sha256: Sha256) -> Self {
        Self {
            sha256,
            record: None,
            generations: BTreeMap::new(),
        }
    }

    fn add(&mut self, item: Item) {
        let generation = match item.kind {
            Kind::Record => {
                self.record = Some(item.size);
                return;
            }
            Kind::Blob(generation) | Kind::Marker(generation) => generation,
        };
        let generation = self.generations.entry(generation);
        let generation = generation.or_insert(GenerationListing {
            markers: 0,
            blob: None,
            newest: item.modified,
        });
        generation.newest = generation.newest.max(item.modified);
        match item.kind {
            Kind::Blob(_) => generation.blob = Some(item.size),
            // Tombstones are no markers; those of the first protocol are never so short.
            _ => {
                let marker = MarkerState::of_size(item.size);
                generation.markers += u64::from(marker != MarkerState::Tombstone);
            }
        }
    }
}

/// Walks over hashes. Costs a listing of each kind of object if the service lists in order; otherwise
/// also two listings and 32 bytes of memory for each hash. Begins after a hash of the second protocol if
/// one is given, and with the first after a restart.
pub(super) fn contents(
    bucket: &Bucket,
    keys: &Keys,
    walked: Walked,
    after: Option<ContentName>,
) -> Result<BoxStream<'static, Result<ContentItem, StorageError>>, StorageError> {
    let prefixes = walked.prefixes(keys)?;
    let offsets = match after {
        Some(name) => walked.offsets(name)?,
        None => [None, None, None],
    };
    let listings = prefixes
        .iter()
        .zip(&offsets)
        .map(|(prefix, after)| items(bucket, keys, &walked, prefix, after.as_ref()));
    let merge = Merge {
        listings: listings.map(StreamExt::peekable).collect(),
        last: after.map(ContentName::digest),
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
            restart
                .chain(one_by_one(&bucket, &keys, &walked, &prefixes))
                .boxed()
        }
        other => stream::iter([other]).boxed(),
    });
    Ok(all.boxed())
}

/// Merges listings by hash.
struct Merge {
    listings: Vec<Peekable<Items>>,
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
        let mut first: Option<Sha256> = None;
        for items in &mut self.listings {
            let here = peek(items).await?;
            first = match (first, here) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
        let Some(sha256) = first else {
            return Ok(Next::End);
        };
        if self.last.is_some_and(|last| sha256 <= last) {
            return Ok(Next::OutOfOrder);
        }
        self.last = Some(sha256);
        let mut listing = ContentListing::new(sha256);
        for items in &mut self.listings {
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
    walked: &Walked,
    sha256: Sha256,
) -> Result<ContentListing, StorageError> {
    let mut listing = ContentListing::new(sha256);
    let (prefixes, record) = walked.prefixes_of(keys, sha256)?;
    for prefix in prefixes {
        let mut items = items(bucket, keys, walked, &prefix, None);
        while let Some(item) = items.try_next().await? {
            listing.add(item);
        }
    }
    if let Some(record) = record {
        listing.record = bucket.head(&record).await?.map(|meta| meta.size);
    }
    Ok(listing)
}

/// Walks over the hashes of a service that does not list in order.
fn one_by_one(
    bucket: &Bucket,
    keys: &Keys,
    walked: &Walked,
    prefixes: &[Path],
) -> BoxStream<'static, Result<ContentItem, StorageError>> {
    let lists: Vec<_> = prefixes
        .iter()
        .map(|prefix| items(bucket, keys, walked, prefix, None))
        .collect();
    let (bucket, keys, walked) = (bucket.clone(), keys.clone(), walked.clone());
    let mut seen = HashSet::new();
    stream::iter(lists)
        .flatten()
        .try_filter_map(move |item| {
            let new = seen.insert(item.sha256);
            std::future::ready(Ok(new.then_some(item.sha256)))
        })
        .and_then(move |sha256| {
            let (bucket, keys, walked) = (bucket.clone(), keys.clone(), walked.clone());
            async move {
                let listing = content(&bucket, &keys, &walked, sha256).await?;
                Ok(ContentItem::Content(listing))
            }
        })
        .boxed()
}
