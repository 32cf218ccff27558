//! The contenders, and what they do in a race.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use media_storage::{MediaMetadata, MediaStorageExt as _};
use media_store_object::ObjectMediaStore;
use media_types::{Mime, StorageReference};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions, WriteMultipart};
use sha2::Digest as _;
use tokio::task::JoinSet;

use crate::Result;
use crate::bodies::Bodies;
use crate::race::Lane;

/// Bytes of a part, and how many are on their way at once: as in the store.
const PART: usize = 8 << 20;
const PARTS: usize = 2;

/// About as long as a sidecar.
const NOTE: [u8; 500] = [b'x'; 500];

static NUMBER: AtomicUsize = AtomicUsize::new(0);

/// The requests of a store, in order, made by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Requests {
    /// Sidecar, media.
    Single,
    /// Record, sidecar, marker, media, record.
    New,
    /// Record, sidecar, marker, record.
    Duplicate,
}

/// Who stores and loads.
#[derive(Clone, Debug)]
pub(super) enum Contender {
    /// `object_store` alone. It keeps nothing about media and verifies nothing.
    Plain(Arc<AmazonS3>),
    /// `object_store` and SHA-256, with the same requests as the store.
    ByHand(Arc<AmazonS3>, Requests),
    /// SHA-256 alone.
    Hash,
    /// The store.
    Store(ObjectMediaStore),
}

/// What stands for stored media.
#[derive(Clone, Debug)]
pub(super) enum Receipt {
    Nothing,
    Objects(Vec<Path>),
    Reference(Box<StorageReference>),
}

fn path(kind: &str) -> Path {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    Path::from(format!("by-hand/session-1/conv-1/{number:032x}{kind}"))
}

/// Hashes on a thread that may block, as in the store.
async fn hash(bytes: &Bytes) -> Result<()> {
    let bytes = bytes.clone();
    let digest = tokio::task::spawn_blocking(move || sha2::Sha256::digest(&bytes)).await?;
    black_box(digest);
    Ok(())
}

/// At once, or in parts where it is long.
async fn send(bucket: &AmazonS3, path: &Path, bytes: Bytes) -> Result<()> {
    if bytes.len() <= PART {
        bucket.put(path, bytes.into()).await?;
        return Ok(());
    }
    let upload = bucket.put_multipart(path).await?;
    let mut parts = WriteMultipart::new_with_chunk_size(upload, PART);
    let mut rest = bytes;
    while !rest.is_empty() {
        parts.wait_for_capacity(PARTS).await?;
        parts.put(rest.split_to(rest.len().min(PART)));
    }
    parts.finish().await?;
    Ok(())
}

async fn by_hand(bucket: &AmazonS3, requests: Requests, bytes: Bytes) -> Result<Vec<Path>> {
    hash(&bytes).await?;
    let (media, sidecar) = (path(".png"), path(".meta"));
    let (record, marker) = (path(".rec"), path(".ref"));
    let note = || Bytes::from_static(&NOTE);
    if requests == Requests::Single {
        bucket.put(&sidecar, note().into()).await?;
        send(bucket, &media, bytes).await?;
        return Ok(vec![media, sidecar]);
    }
    if bucket.get(&record).await.is_ok() {
        return Err("the record is there".into());
    }
    bucket.put(&sidecar, note().into()).await?;
    bucket.put(&marker, note().into()).await?;
    if requests == Requests::Duplicate {
        black_box(bucket.get(&sidecar).await?.bytes().await?);
        return Ok(vec![sidecar, marker]);
    }
    send(bucket, &media, bytes).await?;
    let create = PutOptions::from(PutMode::Create);
    bucket.put_opts(&record, note().into(), create).await?;
    Ok(vec![media, sidecar, marker, record])
}

fn metadata() -> Result<MediaMetadata> {
    Ok(MediaMetadata::new()
        .with_session("session-1".parse()?)
        .with_conversation("conv-1".parse()?))
}

impl Contender {
    /// Stores bytes.
    pub(super) async fn put(&self, bytes: Bytes) -> Result<Receipt> {
        Ok(match self {
            Self::Plain(bucket) => {
                let media = path(".png");
                bucket.put(&media, bytes.into()).await?;
                Receipt::Objects(vec![media])
            }
            Self::ByHand(bucket, requests) => {
                Receipt::Objects(by_hand(bucket, *requests, bytes).await?)
            }
            Self::Hash => {
                hash(&bytes).await?;
                Receipt::Nothing
            }
            Self::Store(store) => {
                let stored = store.store_bytes(Mime::IMAGE_PNG, bytes, metadata()?);
                Receipt::Reference(Box::new(stored.await?))
            }
        })
    }

    /// Loads bytes.
    async fn get(&self, receipt: &Receipt) -> Result<Bytes> {
        match (self, receipt) {
            (Self::Store(store), Receipt::Reference(reference)) => {
                Ok(store.retrieve_bytes(reference, u64::MAX).await?)
            }
            (Self::Plain(bucket), Receipt::Objects(paths)) => {
                let media = paths.first().ok_or("no media")?;
                Ok(bucket.get(media).await?.bytes().await?)
            }
            (Self::ByHand(bucket, _), Receipt::Objects(paths)) => {
                let [media, sidecar, ..] = paths.as_slice() else {
                    return Err("no sidecar".into());
                };
                black_box(bucket.get(sidecar).await?.bytes().await?);
                let bytes = bucket.get(media).await?.bytes().await?;
                hash(&bytes).await?;
                Ok(bytes)
            }
            _ => Err("a receipt of another contender".into()),
        }
    }

    /// Removes what was stored.
    async fn remove(&self, receipt: Receipt) -> Result<()> {
        match (self, receipt) {
            (_, Receipt::Nothing) => {}
            (Self::Store(store), Receipt::Reference(reference)) => store.delete(&reference).await?,
            (Self::Plain(bucket) | Self::ByHand(bucket, _), Receipt::Objects(paths)) => {
                for path in &paths {
                    bucket.delete(path).await?;
                }
            }
            _ => return Err("a receipt of another contender".into()),
        }
        Ok(())
    }
}

/// Which bytes are stored.
pub(super) enum Media {
    /// Those that were not there.
    New(Bodies),
    /// The same ones every time.
    Same(Bytes),
}

/// A number of tasks that store one media item each.
pub(super) struct Put {
    pub(super) contender: Contender,
    pub(super) media: Media,
    pub(super) tasks: usize,
}

#[async_trait]
impl Lane for Put {
    async fn run(&mut self) -> Result<Duration> {
        let media: Vec<Bytes> = (0..self.tasks)
            .map(|_| match &mut self.media {
                Media::New(bodies) => bodies.bytes(),
                Media::Same(bytes) => bytes.clone(),
            })
            .collect();
        let mut running = JoinSet::new();
        let start = Instant::now();
        for bytes in media {
            let contender = self.contender.clone();
            running.spawn(async move { contender.put(bytes).await });
        }
        let stored = running.join_all().await;
        let took = start.elapsed();
        for receipt in stored {
            self.contender.remove(receipt?).await?;
        }
        Ok(took)
    }
}

/// A number of tasks that load the same media item.
pub(super) struct Get {
    pub(super) contender: Contender,
    pub(super) receipt: Receipt,
    pub(super) tasks: usize,
}

#[async_trait]
impl Lane for Get {
    async fn run(&mut self) -> Result<Duration> {
        let mut running = JoinSet::new();
        let start = Instant::now();
        for _ in 0..self.tasks {
            let (contender, receipt) = (self.contender.clone(), self.receipt.clone());
            running.spawn(async move { contender.get(&receipt).await.map(|bytes| bytes.len()) });
        }
        for len in running.join_all().await {
            black_box(len?);
        }
        Ok(start.elapsed())
    }
}
