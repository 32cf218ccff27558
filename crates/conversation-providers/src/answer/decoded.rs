//! An answer that was decoded.

use serde::de::DeserializeOwned;

use super::repair::parse_tolerant;
use crate::sink::MediaWriter;

/// The JSON of an answer or event, and its media.
#[derive(Debug)]
pub struct Decoded {
    /// In the place of each media item, its number as a string.
    pub(crate) json: Vec<u8>,
    media: Vec<Option<MediaWriter>>,
}

impl Decoded {
    pub(super) fn new(json: Vec<u8>, media: Vec<MediaWriter>) -> Self {
        Self {
            json,
            media: media.into_iter().map(Some).collect(),
        }
    }

    /// Returns the JSON. In the place of each media item stands its number, as a string.
    pub fn json(&self) -> &[u8] {
        &self.json
    }

    /// Reads the JSON, with U+FFFD in place of invalid text.
    ///
    /// # Errors
    /// JSON of another shape.
    pub fn parse<T: DeserializeOwned>(&mut self) -> serde_json::Result<T> {
        parse_tolerant(&mut self.json)
    }

    /// Takes the media item of a number; `None` where it has no bytes or was taken before.
    pub(crate) fn take_media(&mut self, number: &str) -> Option<MediaWriter> {
        let number: usize = number.parse().ok()?;
        let writer = self.media.get_mut(number)?.take();
        writer.filter(|writer| !writer.is_empty())
    }
}
