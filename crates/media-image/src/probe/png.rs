//! PNG.

use super::exif;
use super::info::{Frames, ImageInfo};
use super::reader::{Reader, malformed};
use crate::error::ImageError;
use crate::format::ImageFormat;

pub(super) fn probe(bytes: &[u8]) -> Result<ImageInfo, ImageError> {
    let mut reader = Reader::new(bytes);
    reader.skip(8)?;
    let len = reader.u32_be()?;
    if reader.take(4)? != b"IHDR" || len != 13 {
        return Err(malformed("the first chunk is not IHDR"));
    }
    let (width, height) = (reader.u32_be()?, reader.u32_be()?);
    let mut info = ImageInfo::new(ImageFormat::Png, width, height);
    info.frames = Frames::Unknown;
    // What follows may be missing.
    let _ = reader.skip(5 + 4).and_then(|()| chunks(reader, &mut info));
    Ok(info)
}

/// Reads what the chunks after the header say: the number of frames, which comes before the pixels, and
/// the orientation, which may follow them.
fn chunks(mut reader: Reader<'_>, info: &mut ImageInfo) -> Result<(), ImageError> {
    loop {
        let len = reader.u32_be()? as usize;
        match reader.take(4)? {
            b"acTL" => {
                let frames = reader.clone().u32_be()?;
                if frames > 1 {
                    info.frames = Frames::Several(Some(frames));
                }
            }
            b"eXIf" => info.orientation = exif::orientation(reader.clone().take(len)?),
            b"IDAT" if info.frames == Frames::Unknown => info.frames = Frames::One,
            b"IEND" => return Ok(()),
            _ => {}
        }
        reader.skip(len)?;
        reader.skip(4)?;
    }
}
