//! Who may upload what.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::request::Parts;
use media_storage::{MediaMetadata, Scope};
use media_types::Mime;

/// Decides who may upload, and what.
///
/// It is asked once for each request, before anything of the body is read. An `Arc` of a policy is a policy too, so
/// that one serves several services.
///
/// ```
/// use media_http::{UploadGrant, UploadPolicy, UploadRefusal};
/// use media_storage::{MediaMetadata, RetentionPolicy};
///
/// struct Sessions;
///
/// #[async_trait::async_trait]
/// impl UploadPolicy for Sessions {
///     async fn authorize(
///         &self,
///         request: &http::request::Parts,
///     ) -> Result<UploadGrant, UploadRefusal> {
///         // Whatever the service uses: a cookie, a token, an extension that a layer has set.
///         let user = request.headers.get("x-user").ok_or(UploadRefusal::Unauthorized)?;
///         let user = user.to_str().ok().and_then(|user| user.parse().ok());
///         let user = user.ok_or(UploadRefusal::Unauthorized)?;
///         let metadata = MediaMetadata::new()
///             .with_user(user)
///             .with_retention(RetentionPolicy::RetainDays(1));
///         Ok(UploadGrant::new(metadata).with_max_bytes(20 << 20))
///     }
/// }
/// ```
#[async_trait]
pub trait UploadPolicy: Send + Sync + 'static {
    /// Returns what the sender of a request may upload.
    ///
    /// # Errors
    /// A refusal, which becomes the response.
    async fn authorize(&self, request: &Parts) -> Result<UploadGrant, UploadRefusal>;
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<P: UploadPolicy + ?Sized> UploadPolicy for Arc<P> {
    async fn authorize(&self, request: &Parts) -> Result<UploadGrant, UploadRefusal> {
        (**self).authorize(request).await
    }
}

/// Why an upload is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UploadRefusal {
    /// The sender is not known: 401.
    Unauthorized,
    /// The sender may not upload: 403.
    Forbidden,
    /// The sender has to wait: 429, with this time in `Retry-After`.
    TooManyRequests(Duration),
    /// Who the sender is could not be found out: 503.
    Unavailable,
}

/// What the sender of a request may upload, and the metadata that it is stored with.
#[derive(Clone, Debug)]
pub struct UploadGrant {
    pub(super) metadata: MediaMetadata,
    pub(super) max_bytes: u64,
    pub(super) max_items: usize,
    types: Option<Vec<String>>,
}

impl UploadGrant {
    /// Creates a grant for images other than SVG, audio, video and PDF, for at most 10 items of together
    /// 25 MiB. The metadata names the owner and, for media that no conversation has taken yet, a
    /// retention.
    pub fn new(metadata: MediaMetadata) -> Self {
        Self {
            metadata,
            max_bytes: 25 << 20,
            max_items: 10,
            types: None,
        }
    }

    /// Sets the size of all items of a request together, in bytes. Defaults to 25 MiB.
    #[must_use]
    pub fn with_max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets the number of items in a request. Defaults to 10.
    #[must_use]
    pub fn with_max_items(mut self, items: usize) -> Self {
        self.max_items = items;
        self
    }

    /// Sets the types that may be uploaded: names such as `image/png`, or groups such as `image/*`. A
    /// group contains no type in which browsers run code; SVG and HTML must be named. Defaults to
    /// `image/*`, `audio/*`, `video/*` and `application/pdf`.
    #[must_use]
    pub fn with_types<T: Into<String>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        self.types = Some(types.into_iter().map(Into::into).collect());
        self
    }

    /// Replaces the metadata that media is stored with.
    #[cfg(feature = "resumable")]
    pub(crate) fn with_metadata(mut self, metadata: MediaMetadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Returns the metadata that media is stored with.
    pub fn metadata(&self) -> &MediaMetadata {
        &self.metadata
    }

    /// Returns the size of all items of a request together, in bytes.
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// Returns the scope that links to what is uploaded are good for: the user of the metadata.
    pub(crate) fn scope(&self) -> Scope {
        let user = self.metadata.user().cloned();
        user.map_or(Scope::All, Scope::User)
    }

    /// Returns whether media of this type may be uploaded.
    pub fn permits(&self, mime: &Mime) -> bool {
        let fits = |pattern: &str| match pattern.strip_suffix('*') {
            Some(group) => {
                group.ends_with('/') && mime.as_str().starts_with(group) && !mime.is_active()
            }
            None => mime.as_str().eq_ignore_ascii_case(pattern),
        };
        match &self.types {
            Some(types) => types.iter().any(|pattern| fits(pattern)),
            None => ["image/*", "audio/*", "video/*", "application/pdf"]
                .into_iter()
                .any(fits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn active_types_are_permitted_by_name_alone() {
        let permits = |grant: &UploadGrant, mime: &str| grant.permits(&mime.parse().unwrap());
        let usual = UploadGrant::new(MediaMetadata::new());
        assert!(permits(&usual, "image/png") && permits(&usual, "application/pdf"));
        for mime in [
            "image/svg+xml",
            "text/html",
            "text/plain",
            "application/zip",
        ] {
            assert!(!permits(&usual, mime), "{mime}");
        }
        let named = UploadGrant::new(MediaMetadata::new()).with_types(["image/svg+xml", "text/*"]);
        assert!(permits(&named, "image/svg+xml") && permits(&named, "text/plain"));
        assert!(!permits(&named, "text/html") && !permits(&named, "image/png"));
    }
}
