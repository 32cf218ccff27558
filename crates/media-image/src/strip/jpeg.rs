//! JPEG.

use crate::error::{ImageError, ImageErrorKind, ImageOperation};
use crate::probe::Reader;

/// Length of a JFIF segment without a thumbnail, with its length field.
const JFIF_LEN: usize = 16;

pub(super) fn strip(image: &[u8], kept: &mut Vec<u8>) -> Result<(), ImageError> {
    let malformed =
        |reason| ImageError::new(ImageErrorKind::Malformed, ImageOperation::Strip, reason);
    let mut reader = Reader::new(image);
    kept.extend_from_slice(reader.take(2)?);
    loop {
        if reader.u8()? != 0xff {
            return Err(malformed("a segment does not begin with a marker"));
        }
        let mut marker = reader.u8()?;
        while marker == 0xff {
            marker = reader.u8()?;
        }
        match marker {
            0xd9 => {
                kept.extend_from_slice(&[0xff, 0xd9]);
                return Ok(());
            }
            0x00 | 0x01 | 0xd0..=0xd8 => return Err(malformed("a marker is in a wrong place")),
            _ => {}
        }
        let len = usize::from(reader.clone().u16_be()?);
        if len < 2 {
            return Err(malformed("a segment is shorter than 2 bytes"));
        }
        let segment = reader.take(len)?;
        keep_segment(marker, segment, kept);
        if marker == 0xda {
            kept.extend_from_slice(reader.take(coded_len(&reader)?)?);
        }
    }
}

/// Keeps a segment that says how the image looks. A segment begins with its length.
fn keep_segment(marker: u8, segment: &[u8], kept: &mut Vec<u8>) {
    let content = segment.get(2..).unwrap_or_default();
    match marker {
        // The rest of the segment is a thumbnail.
        0xe0 => {
            if let Some(jfif) = segment.get(2..JFIF_LEN - 2)
                && jfif.starts_with(b"JFIF\0")
            {
                kept.extend_from_slice(&[0xff, marker, 0, 16]);
                kept.extend_from_slice(jfif);
                kept.extend_from_slice(&[0, 0]);
            }
        }
        0xe2 if content.starts_with(b"ICC_PROFILE\0") => push(marker, segment, kept),
        0xee if content.starts_with(b"Adobe") => push(marker, segment, kept),
        // Other applications, extensions and comments.
        marker if marker >= 0xe0 => {}
        _ => push(marker, segment, kept),
    }
}

fn push(marker: u8, segment: &[u8], kept: &mut Vec<u8>) {
    kept.extend_from_slice(&[0xff, marker]);
    kept.extend_from_slice(segment);
}

/// Returns the number of bytes up to the next marker that does not belong to the coded pixels.
fn coded_len(reader: &Reader<'_>) -> Result<usize, ImageError> {
    let rest = reader.clone().take_rest();
    let is_end = |pair: &[u8]| matches!(pair, [0xff, marker] if !matches!(marker, 0x00 | 0xd0..=0xd7 | 0xff));
    let end = rest.windows(2).position(is_end);
    // Without a marker, the image has no end.
    end.map_or_else(|| Err(reader.end_of_bytes()), Ok)
}
