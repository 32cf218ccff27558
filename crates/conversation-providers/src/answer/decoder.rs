//! Decoding one answer, or one event.

use super::decoded::Decoded;
use super::error::DecodeError;
use super::extractor::{Extracted, MediaExtractor};
use super::limits::DecodeLimits;
use crate::partial_image::PartialImage;
use crate::sink::{MediaSink, MediaWriter};

/// Most media items of one answer, or of one event.
const MAX_ITEMS: usize = 64;

/// Decodes the JSON of one answer or one event, whose media goes to a sink as it arrives.
#[derive(Debug)]
pub(crate) struct ResponseDecoder {
    extractor: MediaExtractor,
    sink: MediaSink,
    writers: Vec<MediaWriter>,
    media_left: usize,
}

impl ResponseDecoder {
    pub(crate) fn new(limits: DecodeLimits, sink: &MediaSink) -> Self {
        Self {
            extractor: MediaExtractor::new(limits.paths, limits.max_json),
            sink: sink.clone(),
            writers: Vec::new(),
            media_left: limits.max_media,
        }
    }

    /// Reads on.
    ///
    /// # Errors
    /// It is of no use after an error, nor after a call that was dropped.
    pub(crate) async fn push(&mut self, mut chunk: &[u8]) -> Result<(), DecodeError> {
        while let Some(extracted) = self.extractor.next(&mut chunk)? {
            let Extracted {
                number,
                bytes,
                is_preview,
            } = extracted;
            if !is_preview {
                self.media_left = self
                    .media_left
                    .checked_sub(bytes.len())
                    .ok_or(DecodeError::TooLarge)?;
            }
            if number >= MAX_ITEMS {
                return Err(DecodeError::TooLarge);
            }
            while self.writers.len() <= number {
                self.writers.push(match is_preview {
                    true => MediaSink::in_memory().begin(),
                    false => self.sink.begin(),
                });
            }
            if let Some(writer) = self.writers.get_mut(number)
                // A preview that is too large is no longer of use.
                && !(is_preview && writer.len() > PartialImage::MAX_BYTES)
            {
                writer.write(bytes).await.map_err(DecodeError::Sink)?;
            }
        }
        // Items without bytes count too: each has a place in the answer.
        if self.extractor.count() > MAX_ITEMS {
            return Err(DecodeError::TooLarge);
        }
        Ok(())
    }

    /// Returns the JSON around the media, and the media.
    ///
    /// # Errors
    /// `Truncated` in the middle of a string.
    pub(crate) fn finish(self) -> Result<Decoded, DecodeError> {
        Ok(Decoded::new(self.extractor.finish()?, self.writers))
    }

    /// Bytes of media that may still come.
    pub(super) fn media_left(&self) -> usize {
        self.media_left
    }

    /// Media items so far.
    pub(super) fn count(&self) -> usize {
        self.extractor.count()
    }
}
