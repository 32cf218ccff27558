//! The hash of inline bytes, once somebody has computed it.

use std::sync::{Arc, OnceLock};

use crate::sha256::Sha256;
use crate::source::MediaSource;

/// The hash of the bytes of a content and its clones. It is no part of what the content is: contents are
/// equal whether it is known or not.
#[derive(Clone, Default)]
pub(crate) struct KnownHash(Arc<OnceLock<Sha256>>);

impl KnownHash {
    /// The place for the hash of a source, where it has bytes.
    pub(crate) fn of(source: &MediaSource) -> Option<Self> {
        matches!(source, MediaSource::Inline(_)).then(Self::default)
    }

    pub(crate) fn get(&self) -> Option<Sha256> {
        self.0.get().copied()
    }

    pub(crate) fn get_or_init(&self, hash: impl FnOnce() -> Sha256) -> Sha256 {
        *self.0.get_or_init(hash)
    }
}

impl PartialEq for KnownHash {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::content::MediaContent;
    use crate::mime::Mime;

    #[test]
    fn inline_bytes_are_hashed_once_for_all_clones() {
        let content = MediaContent::from_bytes(Mime::IMAGE_PNG, "");
        let clone = content.clone().with_caption("c");
        assert_eq!(content.known_inline_sha256(), None);
        assert_eq!(clone.inline_sha256(|_| Sha256::EMPTY), Some(Sha256::EMPTY));
        assert_eq!(content.known_inline_sha256(), Some(Sha256::EMPTY));
        let again = content.inline_sha256(|_| panic!("it is known"));
        assert_eq!(again, Some(Sha256::EMPTY));
        assert_eq!(content, MediaContent::from_bytes(Mime::IMAGE_PNG, ""));
        // Other bytes have another hash.
        let other = content.with_source(MediaSource::Inline(Bytes::from_static(b"x")));
        assert_eq!(other.known_inline_sha256(), None);
        let file = other.with_source(MediaSource::File("x.png".into()));
        assert_eq!(file.inline_sha256(|_| Sha256::EMPTY), None);
    }
}
