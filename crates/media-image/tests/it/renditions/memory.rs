//! How many originals are in memory at the same time, and which of them have URLs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::Utc;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use image::{ImageFormat as Encoder, RgbImage};
use media_image::{ImageWorkers, Optimized, Profile, Renditions};
use media_storage::{
    InMemoryStorage, MediaBody, MediaMetadata, MediaStorage, MediaStorageExt as _, RetrieveOptions,
    SignedUrl, SignedUrlOptions, StorageError, StorageErrorKind, StoredMedia, UrlSigner,
};
use media_types::{MediaUrl, Mime, StorageReference};

use super::stores::{metadata, photo, reference, thumbnail};
use crate::samples;

/// A store that counts the originals that were read to their end and not let go, and that signs URLs.
#[derive(Clone, Debug, Default)]
struct Counting {
    store: InMemoryStorage,
    read: Arc<AtomicUsize>,
    most_read: Arc<AtomicUsize>,
}

#[async_trait]
impl MediaStorage for Counting {
    media_storage::forward_storage!(
        self => self.store;
        backend, name, store, delete_opts, duplicate, update, delete_many,
        inventory, verifier, importer,
    );

    fn url_signer(&self) -> Option<&dyn UrlSigner> {
        Some(self)
    }

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let is_head = options.head();
        let mut stored = self.store.retrieve_opts(reference, options).await?;
        if is_head {
            return Ok(stored);
        }
        let counting = self.clone();
        let bytes = stored.body.bytes(1 << 30).await?;
        // As a store on a disk gives them.
        let pieces: Vec<Bytes> = bytes
            .chunks(64 * 1024)
            .map(Bytes::copy_from_slice)
            .collect();
        let last = pieces.len() - 1;
        let pieces = futures_util::stream::iter(pieces.into_iter().enumerate());
        let pieces = pieces.then(move |(index, piece)| {
            let counting = counting.clone();
            async move {
                tokio::task::yield_now().await;
                if index == last {
                    let read = counting.read.fetch_add(1, Ordering::SeqCst) + 1;
                    counting.most_read.fetch_max(read, Ordering::SeqCst);
                }
                Ok(piece)
            }
        });
        stored.body = MediaBody::from_stream(Some(bytes.len() as u64), pieces);
        Ok(stored)
    }
}

#[async_trait]
impl UrlSigner for Counting {
    async fn signed_url(
        &self,
        reference: &StorageReference,
        options: SignedUrlOptions,
    ) -> Result<SignedUrl, StorageError> {
        let url = format!("https://bucket.example/{}", reference.id());
        let expires_at = Utc::now() + options.validity();
        Ok(SignedUrl::new(MediaUrl::new(url).unwrap(), expires_at))
    }
}

impl Counting {
    fn let_go(&self) {
        self.read.fetch_sub(1, Ordering::SeqCst);
    }
}

/// An image that has more bytes than are read to find out its size, and needs more than half of the pool.
fn noise() -> Bytes {
    let mut state = 1_u32;
    let pixels = RgbImage::from_fn(700, 500, |_, _| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let [red, green, blue, _] = state.to_le_bytes();
        image::Rgb([red, green, blue])
    });
    samples::encoded(&pixels.into(), Encoder::Png)
}

const COUNT: usize = 12;

#[tokio::test]
async fn originals_are_read_when_there_is_memory_for_them_however_many_wait() {
    let store = Counting::default();
    let images = Renditions::new(store.clone(), ImageWorkers::new(1, 16 << 20));
    let mut originals = Vec::new();
    for _ in 0..COUNT {
        let stored = store.store_bytes(Mime::IMAGE_PNG, noise(), metadata());
        originals.push(stored.await.unwrap());
    }
    let profile = thumbnail();
    let made = originals.iter().map(|original| async {
        let made = images.rendition(original, &profile, None).await;
        store.let_go();
        made.unwrap()
    });
    for content in join_all(made).await {
        assert_eq!(content.width(), Some(60));
    }
    // One that is worked on, and one that was let go but not told so yet.
    assert!(store.most_read.load(Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn uploads_are_read_again_when_there_is_memory_for_them() {
    let store = Counting::default();
    let images = Renditions::new(store.clone(), ImageWorkers::new(1, 16 << 20));
    let uploads = Optimized::new(images, Profile::new().with_longest_edge(60));
    let stored = (0..COUNT).map(|_| async {
        let stored = uploads.store_bytes(Mime::IMAGE_PNG, noise(), MediaMetadata::new());
        let stored = stored.await.unwrap();
        store.let_go();
        stored
    });
    for reference in join_all(stored).await {
        assert!(reference.size().unwrap() < 100_000);
    }
    assert!(store.most_read.load(Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn no_url_is_signed_for_a_rendition_whose_original_is_gone() {
    let store = Counting::default();
    let images = Renditions::new(store.clone(), ImageWorkers::default());
    let stored = images.store_bytes(Mime::IMAGE_PNG, photo(), metadata());
    let original = stored.await.unwrap();
    let child = images.rendition(&original, &thumbnail(), None).await;
    let child = reference(&child.unwrap());
    let signer = images.url_signer().unwrap();
    for there in [&original, &child] {
        let signed = signer.signed_url(there, SignedUrlOptions::new()).await;
        assert!(signed.unwrap().url().as_str().ends_with(there.id()));
    }
    // Deleted beside the layer.
    store.delete(&original).await.unwrap();
    let signed = signer.signed_url(&child, SignedUrlOptions::new()).await;
    assert_eq!(signed.unwrap_err().kind(), StorageErrorKind::NotFound);
    let plain = Renditions::new(InMemoryStorage::new(), ImageWorkers::default());
    assert!(plain.url_signer().is_none());
}
