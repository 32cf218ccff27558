//! Encodings of media in a body.

use media_types::base64;

/// How the bytes of a media item stand in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Base64 of the standard alphabet.
    Base64,
    /// Base64 of the URL-safe alphabet.
    Base64Url,
    /// The bytes themselves, where the body is not JSON.
    Plain,
}

impl Encoding {
    /// Length of media of a size in this encoding.
    pub(crate) fn len(self, size: u64) -> u64 {
        match self {
            Self::Base64 | Self::Base64Url => base64::encoded_len(size),
            Self::Plain => size,
        }
    }
}
