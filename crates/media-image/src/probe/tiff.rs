//! TIFF, which EXIF data is as well.

use super::info::{Frames, ImageInfo};
use super::reader::{Reader, malformed};
use crate::error::ImageError;
use crate::format::ImageFormat;
use crate::orientation::Orientation;

/// The entries of a directory that count here.
#[derive(Debug, Default)]
pub(super) struct Tags {
    width: Option<u32>,
    height: Option<u32>,
    pub(super) orientation: Option<Orientation>,
    has_next: bool,
}

/// Reads the first directory.
pub(super) fn first_directory(bytes: &[u8]) -> Result<Tags, ImageError> {
    let mut reader = Reader::new(bytes);
    let is_big = match reader.take(4)? {
        b"II*\0" => false,
        b"MM\0*" => true,
        _ => return Err(malformed("the byte order is not known")),
    };
    let short = |reader: &mut Reader<'_>| match is_big {
        true => reader.u16_be(),
        false => reader.u16_le(),
    };
    let long = |reader: &mut Reader<'_>| match is_big {
        true => reader.u32_be(),
        false => reader.u32_le(),
    };
    let offset = long(&mut reader)? as usize;
    let mut reader = Reader::new(bytes);
    reader.skip(offset)?;
    let mut tags = Tags::default();
    for _ in 0..short(&mut reader)? {
        let mut entry = Reader::new(reader.take(12)?);
        let (tag, kind) = (short(&mut entry)?, short(&mut entry)?);
        entry.skip(4)?;
        let value = match kind {
            3 => u32::from(short(&mut entry)?),
            4 => long(&mut entry)?,
            _ => continue,
        };
        match tag {
            256 => tags.width = Some(value),
            257 => tags.height = Some(value),
            274 => {
                let value = u16::try_from(value).ok();
                tags.orientation = value.and_then(Orientation::from_exif);
            }
            _ => {}
        }
    }
    tags.has_next = long(&mut reader).is_ok_and(|next| next != 0);
    Ok(tags)
}

pub(super) fn probe(bytes: &[u8]) -> Result<ImageInfo, ImageError> {
    let tags = first_directory(bytes)?;
    let (width, height) = tags
        .width
        .zip(tags.height)
        .ok_or_else(|| malformed("the first directory has no dimensions"))?;
    let mut info = ImageInfo::new(ImageFormat::Tiff, width, height);
    info.orientation = tags.orientation.unwrap_or_default();
    if tags.has_next {
        info.frames = Frames::Several(None);
    }
    Ok(info)
}
