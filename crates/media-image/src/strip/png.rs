//! PNG.

use crate::error::ImageError;
use crate::probe::Reader;

/// Chunks that say how the image looks or moves.
const KEPT: &[&[u8; 4]] = &[
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP",
    b"mDCV", b"cLLI", b"sBIT", b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT",
];

pub(super) fn strip(image: &[u8], kept: &mut Vec<u8>) -> Result<(), ImageError> {
    let mut reader = Reader::new(image);
    kept.extend_from_slice(reader.take(8)?);
    loop {
        let mut ahead = reader.clone();
        let len = ahead.u32_be()? as usize;
        let name = ahead.take(4)?;
        let chunk = reader.take(len.saturating_add(12))?;
        if KEPT.iter().any(|kept| name == *kept) {
            kept.extend_from_slice(chunk);
        }
        if name == b"IEND" {
            return Ok(());
        }
    }
}
