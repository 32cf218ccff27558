//! Reading numbers from bytes that may end anywhere.

use crate::error::{ImageError, ImageErrorKind, ImageOperation};

/// A position in bytes.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Returns the position.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Returns the next bytes.
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], ImageError> {
        let end = self.at.checked_add(len);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(truncated)?;
        self.at += len;
        Ok(taken)
    }

    /// Returns the error of bytes that end too early.
    pub(crate) fn end_of_bytes(&self) -> ImageError {
        truncated()
    }

    /// Returns all bytes that are left.
    pub(crate) fn take_rest(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at = self.bytes.len();
        rest
    }

    pub(crate) fn skip(&mut self, len: usize) -> Result<(), ImageError> {
        self.take(len).map(|_| ())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ImageError> {
        let bytes = self.take(N)?;
        bytes.first_chunk().copied().ok_or_else(truncated)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, ImageError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16_be(&mut self) -> Result<u16, ImageError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u16_le(&mut self) -> Result<u16, ImageError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u24_le(&mut self) -> Result<u32, ImageError> {
        let [low, middle, high] = self.array()?;
        Ok(u32::from_le_bytes([low, middle, high, 0]))
    }

    pub(crate) fn u32_be(&mut self) -> Result<u32, ImageError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u32_le(&mut self) -> Result<u32, ImageError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64_be(&mut self) -> Result<u64, ImageError> {
        self.array().map(u64::from_be_bytes)
    }

    /// Skips the chain of blocks of a GIF, up to the empty one.
    pub(crate) fn skip_gif_blocks(&mut self) -> Result<(), ImageError> {
        loop {
            match self.u8()? {
                0 => return Ok(()),
                len => self.skip(usize::from(len))?,
            }
        }
    }
}

fn truncated() -> ImageError {
    ImageError::new(
        ImageErrorKind::Truncated,
        ImageOperation::Probe,
        "the bytes end too early",
    )
}

/// Returns the error of bytes that contradict their format.
pub(super) fn malformed(reason: &'static str) -> ImageError {
    ImageError::new(ImageErrorKind::Malformed, ImageOperation::Probe, reason)
}
