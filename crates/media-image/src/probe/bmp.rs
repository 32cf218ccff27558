//! BMP.

use super::info::ImageInfo;
use super::reader::{Reader, malformed};
use crate::error::ImageError;
use crate::format::ImageFormat;

pub(super) fn probe(bytes: &[u8]) -> Result<ImageInfo, ImageError> {
    let mut reader = Reader::new(bytes);
    reader.skip(14)?;
    let (width, height) = match reader.u32_le()? {
        12 => (u32::from(reader.u16_le()?), u32::from(reader.u16_le()?)),
        40.. => {
            // Both are signed; a negative height says that rows go downwards.
            let width =
                i32::try_from(reader.u32_le()?).map_err(|_| malformed("the width is negative"))?;
            let height = reader.u32_le()?.cast_signed();
            (width.unsigned_abs(), height.unsigned_abs())
        }
        _ => return Err(malformed("the header has an unknown size")),
    };
    Ok(ImageInfo::new(ImageFormat::Bmp, width, height))
}
