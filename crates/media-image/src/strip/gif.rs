//! GIF.

use crate::error::{ImageError, ImageErrorKind, ImageOperation};
use crate::probe::{Reader, color_table_len};

pub(super) fn strip(image: &[u8], kept: &mut Vec<u8>) -> Result<(), ImageError> {
    let mut reader = Reader::new(image);
    let header = reader.take(13)?;
    kept.extend_from_slice(header);
    let flags = header.get(10).copied().unwrap_or_default();
    kept.extend_from_slice(reader.take(color_table_len(flags))?);
    loop {
        let start = reader.position();
        let is_kept = match reader.u8()? {
            0x3b => {
                kept.push(0x3b);
                return Ok(());
            }
            0x2c => {
                reader.skip(8)?;
                let flags = reader.u8()?;
                reader.skip(color_table_len(flags) + 1)?;
                true
            }
            0x21 => match reader.u8()? {
                // Comments.
                0xfe => false,
                // Applications: how often an animation runs counts, nothing else.
                0xff => {
                    let mut name = reader.clone();
                    name.skip(1)?;
                    matches!(name.take(11)?, b"NETSCAPE2.0" | b"ANIMEXTS1.0")
                }
                _ => true,
            },
            _ => {
                let reason = "a block is of no known kind";
                let kind = ImageErrorKind::Malformed;
                return Err(ImageError::new(kind, ImageOperation::Strip, reason));
            }
        };
        reader.skip_gif_blocks()?;
        if is_kept {
            let block = image.get(start..reader.position());
            kept.extend_from_slice(block.unwrap_or_default());
        }
    }
}
