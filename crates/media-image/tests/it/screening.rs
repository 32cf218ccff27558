use bytes::Bytes;
use futures_util::stream;
use image::ImageFormat as Encoder;
use media_image::{ImageLimits, screen_pixels};
use media_storage::{MediaBody, Operation, StorageError, StorageErrorKind};

use crate::samples;

/// A body that arrives in pieces of a size.
fn in_pieces(bytes: &Bytes, size: usize) -> MediaBody {
    let pieces: Vec<_> = bytes
        .chunks(size)
        .map(|piece| Ok::<_, StorageError>(Bytes::copy_from_slice(piece)))
        .collect();
    MediaBody::from_stream(None, stream::iter(pieces))
}

/// A JPEG whose dimensions stand behind segments of metadata.
fn photo_behind(metadata: usize, edge: u16) -> Bytes {
    let mut bytes = b"\xff\xd8".to_vec();
    for _ in 0..metadata / 0xfffe {
        bytes.extend(b"\xff\xe1\xff\xfe");
        bytes.extend([0; 0xfffc]);
    }
    bytes.extend(b"\xff\xc0\0\x11\x08");
    bytes.extend([edge.to_be_bytes(), edge.to_be_bytes()].concat());
    bytes.extend(b"\x03\x01\x11\0\x02\x11\0\x03\x11\0\xff\xd9");
    bytes.into()
}

fn bombs() -> [Bytes; 5] {
    [
        samples::png_header(60_000, 60_000),
        Bytes::from_static(b"GIF89a\xff\xff\xff\xff\0\0\0;"),
        Bytes::from_static(b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff"),
        photo_behind(0, 60_000),
        photo_behind(130_000, 60_000),
    ]
}

#[tokio::test]
async fn bombs_are_refused_however_their_bytes_arrive() {
    for (number, bomb) in bombs().iter().enumerate() {
        for size in [1, 7, 4096, 1 << 20] {
            let body = in_pieces(bomb, size);
            let error = screen_pixels(body, &ImageLimits::new()).await.unwrap_err();
            assert_eq!(error.kind(), StorageErrorKind::TooLarge, "{number}, {size}");
        }
    }
}

#[tokio::test]
async fn everything_else_passes_as_it_came() {
    let few = ImageLimits::new().with_max_pixels(60_000);
    for bytes in [
        samples::encoded(&samples::photo(300, 200), Encoder::Png),
        samples::encoded(&samples::photo(300, 200), Encoder::Jpeg),
        samples::encoded(&samples::photo(300, 200), Encoder::Png).slice(..20),
        photo_behind(130_000, 200),
        samples::png_header(0, 0),
        Bytes::from_static(b"plain text"),
        Bytes::from(vec![7; 600_000]),
        Bytes::new(),
    ] {
        for size in [999, 1 << 20] {
            let body = screen_pixels(in_pieces(&bytes, size), &few).await.unwrap();
            assert!(body.bytes(1 << 20).await.unwrap() == bytes);
        }
    }
    // Further behind than is looked at, unless it comes at once.
    let far = photo_behind(400_000, 60_000);
    let body = screen_pixels(in_pieces(&far, 999), &few).await.unwrap();
    assert!(body.bytes(1 << 20).await.unwrap() == far);
    let body = screen_pixels(MediaBody::from_bytes("text"), &few).await;
    assert_eq!(body.unwrap().len(), Some(4));
}

#[tokio::test]
async fn one_pixel_more_than_permitted_is_too_many() {
    let image = samples::encoded(&samples::photo(300, 200), Encoder::Png);
    for (pixels, passes) in [(60_000, true), (59_999, false)] {
        let limits = ImageLimits::new().with_max_pixels(pixels);
        let body = MediaBody::from_bytes(image.clone());
        assert_eq!(screen_pixels(body, &limits).await.is_ok(), passes);
    }
}

#[tokio::test]
async fn an_upload_that_breaks_fails_with_its_own_error() {
    let broken = StorageError::new(StorageErrorKind::InvalidInput, Operation::Store);
    let pieces = [Ok(Bytes::from_static(b"\x89PNG\r\n\x1a\n")), Err(broken)];
    let body = MediaBody::from_stream(None, stream::iter(pieces));
    let error = screen_pixels(body, &ImageLimits::new()).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::InvalidInput);
}
