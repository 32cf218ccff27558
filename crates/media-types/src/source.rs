//! The source of the bytes of media.

use std::fmt;
use std::path::PathBuf;

use bytes::Bytes;

use crate::reference::{ProviderFile, StorageReference};
use crate::url::MediaUrl;

/// The source of the bytes of a media item.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum MediaSource {
    /// The decoded bytes.
    Inline(Bytes),
    /// A reference to stored media.
    Stored(StorageReference),
    /// A file of the host. Loaders refuse files unless they are allowed.
    File(PathBuf),
    /// A URL.
    Url(MediaUrl),
    /// A file at a model provider, by its file id.
    ProviderFile(ProviderFile),
}

impl fmt::Debug for MediaSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline(bytes) => write!(f, "Inline({} bytes)", bytes.len()),
            Self::Stored(reference) => f.debug_tuple("Stored").field(reference).finish(),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Url(url) => f.debug_tuple("Url").field(url).finish(),
            Self::ProviderFile(file) => f.debug_tuple("ProviderFile").field(file).finish(),
        }
    }
}
