//! WebP.

use super::exif;
use super::info::{Frames, ImageInfo};
use super::reader::{Reader, malformed};
use crate::error::ImageError;
use crate::format::ImageFormat;

const ANIMATION: u8 = 0x02;

pub(super) fn probe(bytes: &[u8]) -> Result<ImageInfo, ImageError> {
    let mut reader = Reader::new(bytes);
    reader.skip(12)?;
    let name = reader.take(4)?;
    let len = reader.u32_le()? as usize;
    let mut chunk = reader.clone();
    match name {
        b"VP8 " => {
            chunk.skip(3)?;
            if chunk.take(3)? != b"\x9d\x01\x2a" {
                return Err(malformed("the first frame is not a key frame"));
            }
            // The two highest bits are a scale.
            let (width, height) = (chunk.u16_le()? & 0x3fff, chunk.u16_le()? & 0x3fff);
            Ok(ImageInfo::new(
                ImageFormat::WebP,
                width.into(),
                height.into(),
            ))
        }
        b"VP8L" => {
            if chunk.u8()? != 0x2f {
                return Err(malformed("the lossless data has no signature"));
            }
            let bits = chunk.u32_le()?;
            let (width, height) = ((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1);
            Ok(ImageInfo::new(ImageFormat::WebP, width, height))
        }
        b"VP8X" => {
            let flags = chunk.u8()?;
            chunk.skip(3)?;
            let (width, height) = (chunk.u24_le()? + 1, chunk.u24_le()? + 1);
            let mut info = ImageInfo::new(ImageFormat::WebP, width, height);
            reader.skip(len.saturating_add(len & 1))?;
            let mut frames = 0_u32;
            let is_complete = chunks(reader, &mut info, &mut frames).is_ok();
            if flags & ANIMATION != 0 {
                info.frames = match is_complete {
                    true if frames == 1 => Frames::One,
                    true => Frames::Several(Some(frames)),
                    false => Frames::Several(None),
                };
            }
            Ok(info)
        }
        _ => Err(malformed("the first chunk is of no known kind")),
    }
}

/// Whether the pixels of a WebP are one frame that was written without loss.
pub(crate) fn is_lossless_webp(bytes: &[u8]) -> bool {
    let mut chunks = Reader::new(bytes.get(12..).unwrap_or_default());
    while let (Ok(name), Ok(len)) = (chunks.take(4), chunks.u32_le()) {
        match name {
            b"VP8L" => return true,
            b"VP8 " | b"ANMF" => return false,
            _ => {}
        }
        let len = len as usize;
        if chunks.skip(len.saturating_add(len & 1)).is_err() {
            return false;
        }
    }
    false
}

/// Counts frames and reads the orientation; succeeds only at the end of the bytes.
fn chunks(
    mut reader: Reader<'_>,
    info: &mut ImageInfo,
    frames: &mut u32,
) -> Result<(), ImageError> {
    loop {
        let Ok(name) = reader.take(4) else {
            return Ok(());
        };
        let len = reader.u32_le()? as usize;
        match name {
            b"ANMF" => *frames = frames.saturating_add(1),
            b"EXIF" => info.orientation = exif::orientation(reader.clone().take(len)?),
            _ => {}
        }
        reader.skip(len)?;
        if len % 2 == 1 {
            // The padding may be missing at the end.
            let _ = reader.skip(1);
        }
    }
}
