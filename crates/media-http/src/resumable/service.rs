//! [`ResumableUploadService`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use media_types::MediaUrl;

use super::error::{ResumableError, ResumableErrorKind};
use super::handler::PartHandler;
use super::spool::UploadSpool;
use crate::link::LinkSigner;
use crate::service::impl_service;
use crate::upload::{IDLE_TIMEOUT, UploadPolicy, UploadTarget};

/// Takes uploads in parts, by the protocol [tus 1.0](https://tus.io/protocols/resumable-upload), so that a
/// client whose connection breaks goes on where it was.
///
/// Served are the core of the protocol and the extensions creation, creation-with-upload, expiration,
/// termination and checksum (SHA-1 and SHA-256). The policy is asked for each request; an upload belongs to
/// the user of the grant that it began with, and is 404 for others. The media gets the metadata of that
/// grant, whichever request finishes the upload. The metadata keys `filename` and `filetype` say what a form
/// would. `X-HTTP-Method-Override` counts with `POST`; the policy sees the method that it names.
///
/// Parts are kept in an [`UploadSpool`]. When the last byte has arrived, the media is typed by its bytes and
/// stored, before the response; a `GET` of the upload then returns the JSON that
/// [`UploadService`](crate::UploadService) responds with. Storing goes on when the client goes away. If it
/// fails, the upload stays complete, and the next request for it tries again, unless the target refuses the
/// media for good (`TooLarge`, `InvalidInput`, `NotFound`): then the upload is removed. If the process ends
/// between storing the media and noting that, the media is stored once more; the first copy stays until it
/// expires, so a grant should set a retention.
///
/// Two requests never work on an upload at once: a new one stops the one before it, which gets 423.
///
/// ```
/// use axum::Router;
/// use media_http::{ResumableUploadService, SpoolOptions, UploadPolicy, UploadSpool};
/// use media_storage::MediaStorage;
///
/// async fn routes(
///     store: impl MediaStorage,
///     sessions: impl UploadPolicy,
/// ) -> Result<Router, media_http::ResumableError> {
///     let spool = UploadSpool::open("/var/lib/chat/uploads", SpoolOptions::new()).await?;
///     let uploads = ResumableUploadService::new(store, sessions, spool, "/files")?;
///     Ok(Router::new().nest_service("/files", uploads))
/// }
/// ```
#[derive(Clone)]
pub struct ResumableUploadService(Arc<PartHandler>);

impl_service!(ResumableUploadService, reads bodies);

impl ResumableUploadService {
    /// Creates a service from a store, or another target, a policy, a spool, and the path or URL under which
    /// it is mounted, such as `/files`. Locations of uploads begin with it.
    ///
    /// # Errors
    /// `InvalidBase` unless the base is an absolute path or an absolute `http` or `https` URL without query
    /// and fragment.
    pub fn new(
        target: impl UploadTarget,
        policy: impl UploadPolicy,
        spool: UploadSpool,
        base: impl AsRef<str>,
    ) -> Result<Self, ResumableError> {
        let base = base.as_ref().trim_end_matches('/');
        let is_path = base.is_empty() || base.starts_with('/') && !base.starts_with("//");
        let is_valid = (is_path || MediaUrl::new(base).is_ok())
            && !base.contains(['?', '#', ' '])
            && HeaderValue::from_str(base).is_ok();
        if !is_valid {
            return Err(ResumableError::new(ResumableErrorKind::InvalidBase));
        }
        Ok(Self(Arc::new(PartHandler {
            target: Arc::new(target),
            policy: Arc::new(policy),
            spool,
            base: base.into(),
            signer: None,
            idle_timeout: IDLE_TIMEOUT,
        })))
    }

    /// Sets the signer of the links in results. Defaults to none: results have no links.
    #[must_use]
    pub fn with_signer(mut self, signer: LinkSigner) -> Self {
        Arc::make_mut(&mut self.0).signer = Some(signer);
        self
    }

    /// Sets how long a client may send nothing in the middle of a body, before it is answered with 408; what has arrived is
    /// kept as for a client that goes. Time
    /// that the store takes does not count. Defaults to 60 seconds.
    #[must_use]
    pub fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        Arc::make_mut(&mut self.0).idle_timeout = timeout;
        self
    }
}

impl fmt::Debug for ResumableUploadService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResumableUploadService")
            .field("base", &self.0.base)
            .field("signer", &self.0.signer)
            .finish_non_exhaustive()
    }
}
