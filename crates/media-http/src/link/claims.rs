//! What a link says.

use media_storage::Scope;
use media_types::StorageReference;

/// How a browser is to treat media.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Disposition {
    /// Media is shown in the page where its type is safe to show: images other than SVG, audio, video, PDF
    /// and plain text. Everything else is an attachment.
    #[default]
    Inline,
    /// Media is saved as a file.
    Attachment,
}

/// What a link permits, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkClaims {
    /// Backend, store name and id; size and hash are not part of a link.
    pub(crate) reference: StorageReference,
    pub(crate) scope: Scope,
    /// Seconds since 1970.
    pub(crate) expires_at: i64,
    pub(crate) disposition: Disposition,
}
