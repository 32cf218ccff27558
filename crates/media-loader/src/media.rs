//! Media that was opened.

use media_storage::MediaBody;
use media_types::{Mime, Sha256};

/// Media that was opened: type, size, hash, and a body to be read.
///
/// The body of stored media is verified while it is read: a stream yields bytes before the whole hash
/// is known, and a mismatch is its last item. Do not commit anything before the end.
#[derive(Debug)]
#[non_exhaustive]
pub struct LoadedMedia {
    /// MIME type according to the [`MimePolicy`](crate::MimePolicy) of the loader.
    pub mime: Mime,
    /// Size in bytes. The body has exactly this size, or ends with an error. `None` if the source does
    /// not say it in advance.
    pub size: Option<u64>,
    /// SHA-256 of the bytes, if it is known before they are read: for stored media.
    pub sha256: Option<Sha256>,
    /// The bytes. Reading them fails with `TooLarge` if they exceed the limit.
    pub body: MediaBody,
}
