//! WebP.

use crate::error::ImageError;
use crate::probe::Reader;

/// Flags of the extended header that announce EXIF and XMP.
const METADATA: u8 = 0x08 | 0x04;

pub(super) fn strip(image: &[u8], kept: &mut Vec<u8>) -> Result<(), ImageError> {
    let mut reader = Reader::new(image);
    reader.skip(4)?;
    let len = reader.u32_le()? as usize;
    let mut reader = Reader::new(reader.take(len)?);
    reader.skip(4)?;
    kept.extend_from_slice(b"RIFF\0\0\0\0WEBP");
    while let Ok(name) = reader.take(4) {
        let len = reader.u32_le()?;
        let content = reader.take(len as usize)?;
        if len % 2 == 1 {
            // The padding may be missing at the end.
            let _ = reader.skip(1);
        }
        let is_kept = matches!(
            name,
            b"VP8 " | b"VP8L" | b"VP8X" | b"ALPH" | b"ANIM" | b"ANMF" | b"ICCP"
        );
        if !is_kept {
            continue;
        }
        kept.extend_from_slice(name);
        kept.extend_from_slice(&len.to_le_bytes());
        let start = kept.len();
        kept.extend_from_slice(content);
        if name == b"VP8X"
            && let Some(flags) = kept.get_mut(start)
        {
            *flags &= !METADATA;
        }
        if len % 2 == 1 {
            kept.push(0);
        }
    }
    let len = u32::try_from(kept.len().saturating_sub(8)).unwrap_or(u32::MAX);
    if let Some(field) = kept.get_mut(4..8) {
        field.copy_from_slice(&len.to_le_bytes());
    }
    Ok(())
}
