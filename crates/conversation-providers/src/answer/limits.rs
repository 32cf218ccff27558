//! Limits of answers.

use super::path::JsonPath;

/// Where an answer has its media, and how large it may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DecodeLimits {
    /// Where media is.
    pub(crate) paths: &'static [JsonPath],
    /// Longest JSON around the media, in bytes; in a stream of events of each event.
    pub(crate) max_json: usize,
    /// Most bytes of media, decoded, of the whole answer.
    pub(crate) max_media: usize,
}
