//! Forms in which a media item goes to a provider.

use std::fmt;

use conversation_types::{OmissionReason, OmittedMedia};
use media_types::{MediaContent, MediaUrl, Mime, ProviderFile, base64};

/// The form in which a media item goes to a provider. `Debug` hides the query of a URL.
#[derive(Clone)]
#[non_exhaustive]
pub enum MediaForm {
    /// By the id that the provider gave.
    ProviderFile(ProviderFile),
    /// As a URL that the provider fetches. It may carry its own permission, so it belongs into the
    /// request and nowhere else.
    Url(MediaUrl),
    /// As base64, read while it is sent.
    Base64 {
        /// The MIME type.
        mime: Mime,
        /// The size in bytes, before it is encoded.
        size: u64,
    },
    /// As a part of a multipart body, read while it is sent.
    Upload {
        /// The MIME type.
        mime: Mime,
        /// The size in bytes.
        size: u64,
    },
    /// Not at all; [`OmittedMedia::text`] stands in its place.
    Omitted(Box<OmittedMedia>),
}

impl MediaForm {
    pub(super) fn omitted(
        content: &MediaContent,
        reason: OmissionReason,
        detail: impl Into<String>,
    ) -> Self {
        Self::Omitted(Box::new(OmittedMedia::new(content, reason, detail)))
    }

    /// Returns the number of bytes that are read for the request, before they are encoded.
    pub fn size(&self) -> u64 {
        match self {
            Self::Base64 { size, .. } | Self::Upload { size, .. } => *size,
            _ => 0,
        }
    }

    /// The length of the text that stands in place of the item.
    pub(super) fn text_len(&self) -> u64 {
        match self {
            Self::Omitted(omitted) => omitted.text().len() as u64,
            _ => 0,
        }
    }

    /// The length of the item in the body.
    pub(super) fn len_in_body(&self) -> u64 {
        match self {
            Self::Base64 { size, .. } => base64::encoded_len(*size),
            other => other.size(),
        }
    }
}

impl fmt::Debug for MediaForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ProviderFile(file) => f.debug_tuple("ProviderFile").field(file).finish(),
            Self::Url(url) => f.debug_tuple("Url").field(url).finish(),
            Self::Base64 { mime, size } => write!(f, "Base64({mime}, {size} bytes)"),
            Self::Upload { mime, size } => write!(f, "Upload({mime}, {size} bytes)"),
            Self::Omitted(omitted) => write!(f, "Omitted({})", omitted.reason),
        }
    }
}
