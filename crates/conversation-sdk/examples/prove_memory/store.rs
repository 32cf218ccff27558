//! One large medium into a store and out of it.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use media_loader::MediaLoader;
use media_storage::{MediaBody, MediaMetadata, MediaStorage, MediaUpload, Sha256Hasher};
use media_store_fs::FileStore;
use media_types::{MediaContent, Mime};

use crate::Result;
use crate::measure::{Idle, MIB, noise};

const BOUND_MIB: u64 = 8;
const PIECE: usize = 64 * 1024;

pub(crate) async fn run(short: bool) -> Result<bool> {
    let size = if short { 256 * MIB } else { 1024 * MIB };
    let dir = tempfile::tempdir()?;
    let store = FileStore::open(dir.path()).await?;
    let loader = MediaLoader::builder()
        .with_storage(Arc::new(store.clone()))
        .with_max_bytes(size)
        .build();

    // A small one starts the threads.
    let small = put(&store, MIB).await?;
    get(&loader, &small).await?;

    let idle = Idle::now()?;
    let content = put(&store, size).await?;
    let stored = idle.judge(
        &format!("store: {} MiB into the store", size / MIB),
        BOUND_MIB,
    )?;
    let idle = Idle::now()?;
    get(&loader, &content).await?;
    let loaded = idle.judge(
        &format!("load: {} MiB by the loader", size / MIB),
        BOUND_MIB,
    )?;
    Ok(stored && loaded)
}

async fn put(store: &FileStore, size: u64) -> Result<MediaContent> {
    let pieces = size / PIECE as u64;
    let pieces = stream::iter(0..pieces).map(|seed| {
        let mut piece = vec![0; PIECE];
        noise(seed, &mut piece);
        Ok(Bytes::from(piece))
    });
    let metadata = MediaMetadata::new()
        .with_session("memory".parse()?)
        .with_conversation("memory".parse()?);
    let body = MediaBody::from_stream(Some(size), pieces);
    let upload = MediaUpload::new(Mime::VIDEO_MP4, body, metadata);
    let reference = store.store(upload).await?;
    Ok(MediaContent::from_reference(Mime::VIDEO_MP4, reference))
}

async fn get(loader: &MediaLoader, content: &MediaContent) -> Result<()> {
    let mut pieces = loader.open(content).await?.body.into_stream();
    let mut hasher = Sha256Hasher::new();
    while let Some(piece) = pieces.next().await {
        hasher.update(&piece?);
    }
    let known = content.reference().and_then(|reference| reference.sha256());
    if known != Some(hasher.finish()) {
        return Err("other bytes came out than went in".into());
    }
    Ok(())
}
