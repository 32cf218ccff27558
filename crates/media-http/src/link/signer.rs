//! The signer.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use media_storage::{
    MediaStorage, Operation, RetrieveOptions, Scope, SignedUrl, SignedUrlOptions, StorageError,
    StorageErrorKind, UrlSigner,
};
use media_types::{MediaUrl, StorageReference};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::claims::{Disposition, LinkClaims};
use super::keys::LinkKeys;
use super::token::write_token;
use super::window::expiry;
use crate::clock::Clock;
use crate::error::{LinkError, LinkErrorKind};

/// What stays as it is in the last segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// Longest name at the end of a link, in characters.
const MAX_NAME_LEN: usize = 80;

/// Signs links to the media of a store, for a [`MediaService`](crate::MediaService) at a base URL.
///
/// A link is `<base>/<token>/<name>`; the name is for people and is not looked at. Cheap to clone.
#[derive(Clone)]
pub struct LinkSigner {
    store: Arc<dyn MediaStorage>,
    keys: LinkKeys,
    base: Arc<str>,
    disposition: Disposition,
    clock: Clock,
}

impl LinkSigner {
    /// Creates a signer from a store, keys, and the URL under which the service is mounted, such as
    /// `https://chat.example/media`.
    ///
    /// # Errors
    /// `InvalidBase` unless the base is an absolute `http` or `https` URL without query and fragment.
    pub fn new(
        store: impl MediaStorage,
        keys: LinkKeys,
        base: impl AsRef<str>,
    ) -> Result<Self, LinkError> {
        let base = base.as_ref().trim_end_matches('/');
        if base.contains(['?', '#']) || MediaUrl::new(base).is_err() {
            return Err(LinkError::new(LinkErrorKind::InvalidBase));
        }
        Ok(Self {
            store: Arc::new(store),
            keys,
            base: base.into(),
            disposition: Disposition::Inline,
            clock: Clock::default(),
        })
    }

    /// Sets how browsers treat the media. Defaults to [`Disposition::Inline`].
    #[must_use]
    pub fn with_disposition(mut self, disposition: Disposition) -> Self {
        self.disposition = disposition;
        self
    }

    /// Sets the clock that the validity is counted by. Defaults to the clock of the system.
    #[must_use]
    pub fn with_clock(mut self, now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    /// Signs a link to stored media. The expected scope becomes part of the link; without one, the link
    /// is good for the media whoever it belongs to.
    ///
    /// Links that are signed within half of their validity are equal.
    ///
    /// # Errors
    /// `NotFound` and other errors of reading the head of the media; `InvalidInput` for a validity of
    /// less than a second or more than 7 days.
    pub async fn sign(
        &self,
        reference: &StorageReference,
        options: SignedUrlOptions,
    ) -> Result<SignedUrl, StorageError> {
        let scope = options.expected_scope().cloned().unwrap_or(Scope::All);
        let head = RetrieveOptions::new()
            .with_head()
            .with_expected_scope(scope.clone());
        let stored = self.store.retrieve_opts(reference, head).await?;
        let expires_at = expiry(self.clock.now(), options.validity(), stored.expires_at())
            .ok_or_else(|| {
                self.error(StorageErrorKind::InvalidInput, reference)
                    .with_reason("the validity must be between 1 second and 7 days")
            })?;
        let name = file_name(stored.metadata.filename(), reference);
        let claims = LinkClaims {
            reference: reference.clone(),
            scope,
            expires_at,
            disposition: self.disposition,
        };
        let token = write_token(&claims, &self.keys).ok_or_else(|| {
            self.error(StorageErrorKind::Unsupported, reference)
                .with_reason("links of this kind of scope cannot be signed")
        })?;
        let url = format!("{}/{token}/{name}", self.base);
        let expires_at = DateTime::from_timestamp(expires_at, 0).unwrap_or_default();
        Ok(SignedUrl::new(MediaUrl::new(url)?, expires_at))
    }

    fn error(&self, kind: StorageErrorKind, reference: &StorageReference) -> StorageError {
        StorageError::new(kind, Operation::Sign)
            .with_backend(self.store.backend().to_owned())
            .with_key(reference.id())
    }
}

/// Returns the name at the end of a link.
fn file_name(name: Option<&str>, reference: &StorageReference) -> String {
    let name = name.unwrap_or_else(|| reference.file_name());
    let plain: String = name
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '/' | '\\'))
        .take(MAX_NAME_LEN)
        .collect();
    match plain.trim_matches('.') {
        "" => "media".to_owned(),
        name => utf8_percent_encode(name, SEGMENT).to_string(),
    }
}

#[async_trait]
impl UrlSigner for LinkSigner {
    async fn signed_url(
        &self,
        reference: &StorageReference,
        options: SignedUrlOptions,
    ) -> Result<SignedUrl, StorageError> {
        self.sign(reference, options).await
    }
}

impl fmt::Debug for LinkSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkSigner")
            .field("store", &self.store.backend())
            .field("base", &self.base)
            .field("disposition", &self.disposition)
            .finish_non_exhaustive()
    }
}
