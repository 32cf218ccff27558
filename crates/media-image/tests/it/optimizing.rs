//! Images that are made to fit when they are stored.

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream::StreamExt as _;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{GrayImage, ImageFormat as Encoder, Luma, Rgb};
use media_image::{Frames, ImageWorkers, Optimized, Profile, Renditions};
use media_storage::{
    InMemoryStorage, MediaMetadata, MediaStorage, MediaStorageExt as _, MediaUpload, Scope,
    Sha256Hasher, StorageErrorKind,
};
use media_storage_testkit::{Call, Fault, FaultyStorage};
use media_types::{Mime, StorageReference};

use crate::samples;

type Store = Optimized<FaultyStorage<InMemoryStorage>>;

fn profile() -> Profile {
    Profile::new().with_longest_edge(60)
}

fn store() -> Store {
    let inner = FaultyStorage::new(InMemoryStorage::new());
    Optimized::new(Renditions::new(inner, ImageWorkers::default()), profile())
}

fn metadata() -> MediaMetadata {
    MediaMetadata::new()
        .with_user("ann".parse().unwrap())
        .with_conversation("c".parse().unwrap())
        .with_filename("beach.jpg".to_owned())
}

async fn put(store: &Store, mime: Mime, bytes: Bytes) -> StorageReference {
    store.store_bytes(mime, bytes, metadata()).await.unwrap()
}

async fn read(store: &Store, reference: &StorageReference) -> Bytes {
    store.retrieve_bytes(reference, 1 << 24).await.unwrap()
}

async fn entries(store: &Store) -> usize {
    store.inventory().unwrap().list(Scope::All).count().await
}

fn is_near(pixel: Rgb<u8>, expected: [u8; 3]) -> bool {
    let pairs = pixel.0.iter().zip(expected);
    pairs
        .into_iter()
        .all(|(one, other)| one.abs_diff(other) < 40)
}

#[tokio::test]
async fn an_upload_becomes_an_image_that_fits() {
    let store = store();
    let jpeg = samples::encoded(&samples::quarters(120, 80), Encoder::Jpeg);
    // Shown after a quarter turn to the right: blue, red; white, green.
    let photo = samples::jpeg_with_exif(&jpeg, 6);
    let reference = put(&store, Mime::IMAGE_JPEG, photo.clone()).await;
    let stored = store.head(&reference).await.unwrap();
    assert_eq!(stored.mime, Mime::IMAGE_JPEG);
    assert_eq!(stored.metadata.user(), metadata().user());
    assert_eq!(stored.metadata.filename(), Some("beach.jpg"));
    let bytes = read(&store, &reference).await;
    assert_eq!(reference.size(), Some(bytes.len() as u64));
    assert!(bytes.len() < photo.len());
    assert!(
        !bytes.windows(4).any(|text| text == b"home"),
        "metadata is gone"
    );
    let image = image::load_from_memory(&bytes).unwrap().to_rgb8();
    assert_eq!(image.dimensions(), (40, 60));
    for (at, color) in [
        ((5, 5), [0, 0, 255]),
        ((35, 5), [255, 0, 0]),
        ((5, 55), [255, 255, 255]),
        ((35, 55), [0, 255, 0]),
    ] {
        let pixel = *image.get_pixel(at.0, at.1);
        assert!(is_near(pixel, color), "{at:?}: {pixel:?}");
    }
    assert_eq!(entries(&store).await, 1, "the original is gone");

    // A type stays, also where another one would be smaller.
    for (mime, encoder) in [
        (Mime::IMAGE_PNG, Encoder::Png),
        (Mime::IMAGE_WEBP, Encoder::WebP),
    ] {
        let photo = samples::encoded(&samples::photo(120, 80), encoder);
        let reference = put(&store, mime.clone(), photo).await;
        let bytes = read(&store, &reference).await;
        assert_eq!(image::guess_format(&bytes).unwrap(), encoder);
        assert_eq!(
            image::load_from_memory(&bytes).unwrap().width(),
            60,
            "{mime}"
        );
    }
    assert_eq!(entries(&store).await, 3);
}

#[tokio::test]
async fn what_cannot_be_made_to_fit_is_stored_as_it_is() {
    let store = store();
    let small = samples::encoded(&samples::photo(50, 40), Encoder::Png);
    let large = samples::encoded(&samples::photo(120, 80), Encoder::Png);
    for (what, mime, bytes) in [
        ("it fits", Mime::IMAGE_PNG, small),
        (
            "it is text",
            "text/plain".parse().unwrap(),
            Bytes::from("hello"),
        ),
        ("damaged", Mime::IMAGE_PNG, large.slice(..large.len() / 2)),
        ("noise", Mime::IMAGE_PNG, Bytes::from(vec![7; 500])),
        (
            "another type than declared",
            Mime::IMAGE_JPEG,
            large.clone(),
        ),
        (
            "a bomb",
            Mime::IMAGE_PNG,
            samples::png_header(60_000, 60_000),
        ),
        (
            "animated",
            Mime::IMAGE_GIF,
            samples::animated_gif(120, 80, 3),
        ),
        (
            "an animated PNG",
            Mime::IMAGE_PNG,
            samples::animated_png(&samples::photo(120, 80)),
        ),
        (
            "an animated WebP",
            Mime::IMAGE_WEBP,
            samples::animated_webp(),
        ),
        ("written with loss", Mime::IMAGE_WEBP, samples::lossy_webp()),
        (
            "HEIC",
            "image/heic".parse().unwrap(),
            samples::heif(b"heic", 400, 300, 0),
        ),
    ] {
        let reference = put(&store, mime, bytes.clone()).await;
        assert_eq!(read(&store, &reference).await, bytes, "{what}");
    }
    let upload = MediaUpload::new(Mime::IMAGE_PNG, large.clone(), metadata())
        .with_expected_sha256(Sha256Hasher::digest(&large));
    let reference = store.store(upload).await.unwrap();
    assert_eq!(
        read(&store, &reference).await,
        large,
        "it has an expected hash"
    );
    assert_eq!(entries(&store).await, 12);
}

#[tokio::test]
async fn animations_and_lossy_webp_within_the_profile_lose_their_metadata_alone() {
    let inner = FaultyStorage::new(InMemoryStorage::new());
    let inner = Renditions::new(inner, ImageWorkers::default());
    let store = Optimized::new(inner, Profile::new().with_longest_edge(120));
    let pixels = samples::lossy_webp().slice(12..);
    for (mime, bytes, frames) in [
        (Mime::IMAGE_WEBP, samples::animated_webp(), 2),
        (Mime::IMAGE_WEBP, samples::extended_webp(0, &pixels), 1),
        (
            Mime::IMAGE_PNG,
            samples::png_with(
                &samples::animated_png(&samples::photo(120, 80)),
                &[samples::png_chunk(b"eXIf", &samples::exif(1))],
            ),
            2,
        ),
    ] {
        let reference = put(&store, mime.clone(), bytes).await;
        let kept = read(&store, &reference).await;
        let has = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
        assert!(!has(&kept, b"home"), "{mime}");
        let info = media_image::probe(&kept).unwrap();
        assert_eq!((info.width, info.height), (120, 80), "{mime}");
        let expected = match frames {
            1 => Frames::One,
            _ => Frames::Several(Some(frames)),
        };
        assert_eq!(info.frames, expected, "{mime}");
    }
    let lossy = samples::extended_webp(0, &pixels);
    let reference = put(&store, Mime::IMAGE_WEBP, lossy).await;
    assert!(read(&store, &reference).await.ends_with(&pixels));
}

#[tokio::test]
async fn an_image_that_would_become_smaller_than_the_profile_says_stays() {
    let inner = FaultyStorage::new(InMemoryStorage::new());
    let inner = Renditions::new(inner, ImageWorkers::default());
    // Lines of one pixel take few bytes, and more once they are scaled.
    let lines = GrayImage::from_fn(600, 400, |x, y| Luma([((x + y) % 2 * 255) as u8]));
    let mut png = Vec::new();
    let encoder =
        PngEncoder::new_with_quality(&mut png, CompressionType::Best, FilterType::NoFilter);
    lines.write_with_encoder(encoder).unwrap();
    let lines = Bytes::from(png);
    let profile = Profile::new().with_longest_edge(590);
    let store = Optimized::new(inner, profile.clone());
    let reference = put(&store, Mime::IMAGE_PNG, lines.clone()).await;
    assert!(read(&store, &reference).await == lines);
    assert_eq!(entries(&store).await, 1);

    // The profile may say so.
    let limit = lines.len() as u64 - 1;
    let store = Optimized::new(store.inner().clone(), profile.with_max_bytes(limit));
    let reference = put(&store, Mime::IMAGE_PNG, lines).await;
    assert!(read(&store, &reference).await.len() as u64 <= limit);
}

#[tokio::test]
async fn an_original_that_is_kept_has_its_rendition_at_once() {
    let store = store().with_originals(true);
    let photo = samples::encoded(&samples::photo(120, 80), Encoder::Jpeg);
    let original = put(&store, Mime::IMAGE_JPEG, photo.clone()).await;
    assert_eq!(read(&store, &original).await, photo);
    assert_eq!(entries(&store).await, 2);
    let made = store
        .inner()
        .rendition(&original, &profile(), None)
        .await
        .unwrap();
    assert_eq!((made.width(), made.height()), (Some(60), Some(40)));
    assert_eq!(entries(&store).await, 2, "it was there");
    let child = made.reference().unwrap().clone();
    store.delete(&original).await.unwrap();
    let error = store.retrieve(&child).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound);
    assert_eq!(entries(&store).await, 0);
}

#[tokio::test]
async fn many_at_once_and_stores_that_fail() {
    let store = store();
    let photo = samples::encoded(&samples::photo(120, 80), Encoder::Jpeg);
    let puts = (0..8).map(|_| put(&store, Mime::IMAGE_JPEG, photo.clone()));
    for reference in join_all(puts).await {
        let bytes = read(&store, &reference).await;
        assert_eq!(image::load_from_memory(&bytes).unwrap().width(), 60);
    }
    assert_eq!(entries(&store).await, 8);
    // What was stored is not lost by what comes after.
    let faulty = store.inner().inner();
    for (call, stays) in [(Call::Retrieve, 1), (Call::Delete, 2)] {
        faulty.inject(Fault::every(call).fail(StorageErrorKind::Unavailable));
        let reference = put(&store, Mime::IMAGE_JPEG, photo.clone()).await;
        faulty.clear_faults();
        assert!(!read(&store, &reference).await.is_empty());
        assert_eq!(entries(&store).await, 8 + stays);
        faulty
            .inventory()
            .unwrap()
            .delete_scope(Scope::All)
            .await
            .unwrap();
        for _ in 0..8 {
            put(&store, Mime::IMAGE_JPEG, photo.clone()).await;
        }
    }
    faulty.inject(Fault::every(Call::Store).fail(StorageErrorKind::DiskSpace));
    let error = store
        .store_bytes(Mime::IMAGE_JPEG, photo, metadata())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::DiskSpace);
}
