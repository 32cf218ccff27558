//! What a load gives.

use media_storage::MediaBody;
use media_types::{Mime, Sha256};

/// Media that was opened: its type, what is known of its size and hash, and its bytes to be read.
///
/// The body of stored media is verified while it is read: a stream yields bytes before the whole
/// hash is known, and a mismatch is its last item. Do not commit anything before the end.
#[derive(Debug)]
#[non_exhaustive]
pub struct LoadedMedia {
    /// The type, by the loader's [`MimePolicy`](crate::MimePolicy).
    pub mime: Mime,
    /// Size in bytes; the body has exactly this many, or ends with an error. Unknown only where a
    /// source does not tell before its end.
    pub size: Option<u64>,
    /// Hash of the bytes, where it was known before they were read: for stored media.
    pub sha256: Option<Sha256>,
    /// The bytes. An error in them is a `TooLarge` when the limit is reached.
    pub body: MediaBody,
}
