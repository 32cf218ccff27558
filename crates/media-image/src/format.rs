//! Image formats.

use media_types::Mime;

/// An image format that is recognized by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImageFormat {
    /// PNG, animated or not.
    Png,
    /// JPEG.
    Jpeg,
    /// GIF.
    Gif,
    /// WebP.
    WebP,
    /// BMP. Only probed.
    Bmp,
    /// TIFF. Only probed.
    Tiff,
    /// HEIF with HEVC. Only probed.
    Heic,
    /// HEIF with AV1. Only probed.
    Avif,
}

impl ImageFormat {
    /// Returns the format that bytes begin like. 12 bytes are enough, except that HEIF needs its whole
    /// first box, usually 24 to 44 bytes.
    pub fn detect(bytes: &[u8]) -> Option<Self> {
        let starts = |magic: &[u8]| bytes.starts_with(magic);
        if starts(b"\x89PNG\r\n\x1a\n") {
            return Some(Self::Png);
        }
        if starts(b"\xff\xd8\xff") {
            return Some(Self::Jpeg);
        }
        if starts(b"GIF87a") || starts(b"GIF89a") {
            return Some(Self::Gif);
        }
        if starts(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            return Some(Self::WebP);
        }
        if starts(b"II*\0") || starts(b"MM\0*") {
            return Some(Self::Tiff);
        }
        if bytes.get(4..8) == Some(b"ftyp") {
            return heif_brand(bytes);
        }
        // The two letters alone begin many texts: the reserved fields are zero.
        (starts(b"BM") && bytes.get(6..10) == Some(&[0; 4])).then_some(Self::Bmp)
    }

    /// Returns the format of a MIME type.
    pub fn from_mime(mime: &Mime) -> Option<Self> {
        match mime.as_str() {
            "image/png" | "image/apng" => Some(Self::Png),
            "image/jpeg" => Some(Self::Jpeg),
            "image/gif" => Some(Self::Gif),
            "image/webp" => Some(Self::WebP),
            "image/bmp" => Some(Self::Bmp),
            "image/tiff" => Some(Self::Tiff),
            "image/heic" | "image/heif" => Some(Self::Heic),
            "image/avif" => Some(Self::Avif),
            _ => None,
        }
    }

    /// Returns the MIME type.
    pub fn mime(self) -> Mime {
        match self {
            Self::Png => Mime::IMAGE_PNG,
            Self::Jpeg => Mime::IMAGE_JPEG,
            Self::Gif => Mime::IMAGE_GIF,
            Self::WebP => Mime::IMAGE_WEBP,
            Self::Bmp => Mime::IMAGE_BMP,
            Self::Tiff => Mime::IMAGE_TIFF,
            Self::Heic => Mime::IMAGE_HEIC,
            Self::Avif => Mime::IMAGE_AVIF,
        }
    }

    /// Whether this crate reads the pixels of the format.
    pub fn can_be_decoded(self) -> bool {
        matches!(self, Self::Png | Self::Jpeg | Self::Gif | Self::WebP)
    }
}

/// The format by the brands of the first box of an ISO media file.
fn heif_brand(bytes: &[u8]) -> Option<ImageFormat> {
    let len = u32::from_be_bytes(*bytes.first_chunk::<4>()?) as usize;
    let brands = bytes.get(8..len.clamp(16, 256).min(bytes.len()))?;
    brands.chunks_exact(4).find_map(|brand| match brand {
        b"heic" | b"heix" | b"hevc" | b"heim" | b"heis" | b"hevm" => Some(ImageFormat::Heic),
        b"avif" | b"avis" => Some(ImageFormat::Avif),
        _ => None,
    })
}
