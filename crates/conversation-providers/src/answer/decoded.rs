//! An answer that was decoded.

use crate::sink::MediaWriter;

/// The JSON of an answer or event, and its media.
#[derive(Debug)]
pub(crate) struct Decoded {
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

    /// Takes the media item of a number; `None` where it has no bytes or was taken before.
    pub(crate) fn take_media(&mut self, number: &str) -> Option<MediaWriter> {
        let number: usize = number.parse().ok()?;
        let writer = self.media.get_mut(number)?.take();
        writer.filter(|writer| !writer.is_empty())
    }
}
