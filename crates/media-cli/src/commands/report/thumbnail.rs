//! Small images of large ones.

use std::io::Cursor;

use futures_util::StreamExt as _;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageReader, Limits, Rgb, RgbImage};
use media_storage::{Entry, RetrieveOptions, Verification};
use media_types::base64;

use crate::store::OpenStore;

/// Media above this size gets no thumbnail.
const MAX_MEDIA: u64 = 32 * 1024 * 1024;

/// Longest side of a thumbnail, in pixels.
const SIDE: u32 = 192;

/// Largest side of an image that is decoded, in pixels.
const MAX_SIDE: u32 = 16_384;

/// Memory that decoding may take.
const MAX_MEMORY: u64 = 256 * 1024 * 1024;

/// Makes a thumbnail as a `data:` URI; `None` for media that this build cannot decode as an image.
pub(crate) async fn thumbnail(store: &OpenStore, entry: &Entry) -> Option<String> {
    if entry.reference.size().is_none_or(|size| size > MAX_MEDIA) {
        return None;
    }
    let verified = RetrieveOptions::new().with_verification(Verification::HashAndSize);
    let stored = store
        .storage()
        .retrieve_opts(&entry.reference, verified)
        .await
        .ok()?;
    let mut bytes = Vec::new();
    let mut body = stored.body.into_stream();
    while let Some(piece) = body.next().await {
        bytes.extend_from_slice(&piece.ok()?);
    }
    tokio::task::spawn_blocking(move || scaled(&bytes))
        .await
        .ok()?
}

fn scaled(bytes: &[u8]) -> Option<String> {
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .ok()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_MEMORY);
    reader.limits(limits);
    let image = reader.decode().ok()?.thumbnail(SIDE, SIDE);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 72)
        .encode_image(&on_white(&image))
        .ok()?;
    Some(format!("data:image/jpeg;base64,{}", base64::encode(&jpeg)))
}

/// JPEG knows no transparency.
fn on_white(image: &DynamicImage) -> RgbImage {
    let image = image.to_rgba8();
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let [r, g, b, a] = image.get_pixel(x, y).0;
        let blend = |color: u8| {
            let (color, alpha) = (u16::from(color), u16::from(a));
            u8::try_from((color * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX)
        };
        Rgb([blend(r), blend(g), blend(b)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_images_become_small_and_others_nothing() {
        let mut png = Vec::new();
        let image = DynamicImage::new_rgba8(1000, 500);
        image
            .write_to(&mut Cursor::new(&mut png), image::ImageFormat::Png)
            .unwrap();
        let uri = scaled(&png).unwrap();
        assert!(uri.starts_with("data:image/jpeg;base64,") && uri.len() < 4000);
        assert!(scaled(b"no image").is_none());
        assert!(scaled(&png[..40]).is_none());
    }
}
