//! GIF.

use super::info::{Frames, ImageInfo};
use super::reader::{Reader, malformed};
use crate::error::ImageError;
use crate::format::ImageFormat;

pub(super) fn probe(bytes: &[u8]) -> Result<ImageInfo, ImageError> {
    let mut reader = Reader::new(bytes);
    reader.skip(6)?;
    let (width, height) = (reader.u16_le()?, reader.u16_le()?);
    let mut info = ImageInfo::new(ImageFormat::Gif, width.into(), height.into());
    let mut frames = 0_u32;
    let is_complete = count_frames(reader, &mut frames).is_ok();
    info.frames = match (frames, is_complete) {
        (0 | 1, false) => Frames::Unknown,
        (0 | 1, true) => Frames::One,
        (frames, true) => Frames::Several(Some(frames)),
        (_, false) => Frames::Several(None),
    };
    Ok(info)
}

fn count_frames(mut reader: Reader<'_>, frames: &mut u32) -> Result<(), ImageError> {
    let flags = reader.u8()?;
    reader.skip(2)?;
    reader.skip(color_table_len(flags))?;
    loop {
        match reader.u8()? {
            0x2c => {
                reader.skip(8)?;
                let flags = reader.u8()?;
                // The color table, and the code size.
                reader.skip(color_table_len(flags) + 1)?;
                reader.skip_gif_blocks()?;
                *frames = frames.saturating_add(1);
            }
            0x21 => {
                reader.skip(1)?;
                reader.skip_gif_blocks()?;
            }
            0x3b => return Ok(()),
            _ => return Err(malformed("a block is of no known kind")),
        }
    }
}

/// Returns the number of bytes of the color table that flags announce.
pub(crate) fn color_table_len(flags: u8) -> usize {
    match flags & 0x80 {
        0 => 0,
        _ => 3 << ((flags & 7) + 1),
    }
}
