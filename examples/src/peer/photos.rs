//! What the peer says about images that were sent to it. It knows nothing but their bytes, so that a right answer
//! proves that the bytes arrived.

mod hue;

use std::collections::HashMap;

use painter::decode::decode;

use super::payload::{decode_base64, sha256_hex, split_data_uri, start_of};
use super::refusal::Refusal;
use crate::sizes::human;

/// An image, seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Photo {
    format: &'static str,
    bytes: u64,
    width: u32,
    height: u32,
    color: String,
    sha256: String,
}

impl Photo {
    /// Looks at the image in a `data:` URI; `place` names it in errors.
    ///
    /// # Errors
    /// When it is no `data:` URI with base64, or holds no PNG, JPEG, GIF or WebP, or another one than declared.
    pub fn from_url(url: &str, place: &str) -> Result<Self, Refusal> {
        let Some((declared, data)) = split_data_uri(url) else {
            let message = if url.starts_with("data:") {
                "Invalid data URI: expected 'data:<type>;base64,<data>'."
            } else {
                "Error while downloading the image: this local peer opens no connections."
            };
            return Err(Refusal::invalid(message)
                .with_code("invalid_image_url")
                .with_param(place));
        };
        let bytes = decode_base64(data, place)?;
        Self::look(&bytes, declared).ok_or_else(|| {
            let message = "You uploaded an unsupported image. Please make sure your image is one of the formats \
                           'png', 'jpeg', 'gif', 'webp' and is declared as such.";
            Refusal::invalid(message).with_code("invalid_image_format").with_param(place)
        })
    }

    /// The image in these bytes, if they are of the declared MIME type and can be decoded.
    #[must_use]
    pub fn look(bytes: &[u8], declared: &str) -> Option<Self> {
        let image = decode(bytes)?;
        let right =
            declared.eq_ignore_ascii_case(&format!("image/{}", image.format.to_lowercase()));
        right.then(|| Self {
            format: image.format,
            bytes: bytes.len() as u64,
            width: image.width,
            height: image.height,
            color: hue::dominant(&image.thinned()),
            sha256: sha256_hex(bytes),
        })
    }

    /// Width and height in pixels.
    #[must_use]
    pub fn sides(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// Format, size in bytes and pixels, dominant color and the start of the SHA-256.
    #[must_use]
    pub fn describe(&self) -> String {
        let Self {
            format,
            bytes,
            width,
            height,
            color,
            sha256,
        } = self;
        let start = start_of(sha256);
        format!(
            "a {format} of {bytes} bytes ({}), {width}x{height} pixels, mostly {color}, SHA-256 {start}…",
            human(*bytes)
        )
    }
}

/// Says how many of the images are byte for byte the same, if any are.
pub(super) fn twins<'a>(photos: impl Iterator<Item = &'a Photo>) -> String {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut total = 0;
    for photo in photos {
        *seen.entry(&photo.sha256).or_default() += 1;
        total += 1;
    }
    if seen.len() == total {
        String::new()
    } else {
        format!(", {} of them different", seen.len())
    }
}
