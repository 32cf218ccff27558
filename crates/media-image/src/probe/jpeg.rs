//! JPEG.

use super::exif;
use super::info::ImageInfo;
use super::reader::{Reader, malformed};
use crate::error::ImageError;
use crate::format::ImageFormat;
use crate::orientation::Orientation;

pub(super) fn probe(bytes: &[u8]) -> Result<ImageInfo, ImageError> {
    let mut reader = Reader::new(bytes);
    reader.skip(2)?;
    let mut orientation = Orientation::Normal;
    loop {
        if reader.u8()? != 0xff {
            return Err(malformed("a segment does not begin with a marker"));
        }
        let mut marker = reader.u8()?;
        while marker == 0xff {
            marker = reader.u8()?;
        }
        match marker {
            // Markers without a segment.
            0x01 | 0xd0..=0xd7 => continue,
            0x00 | 0xd8 | 0xd9 | 0xda => return Err(malformed("the pixels have no header")),
            _ => {}
        }
        let len = usize::from(reader.u16_be()?);
        let len = len
            .checked_sub(2)
            .ok_or_else(|| malformed("a segment is shorter than 2 bytes"))?;
        match marker {
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                reader.skip(1)?;
                let (height, width) = (reader.u16_be()?, reader.u16_be()?);
                let mut info = ImageInfo::new(ImageFormat::Jpeg, width.into(), height.into());
                info.orientation = orientation;
                return Ok(info);
            }
            0xe1 => {
                let segment = reader.take(len)?;
                if let Some(tiff) = segment.strip_prefix(b"Exif\0\0") {
                    orientation = exif::orientation(tiff);
                }
            }
            _ => reader.skip(len)?,
        }
    }
}
