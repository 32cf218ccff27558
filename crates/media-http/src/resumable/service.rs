//! [`ResumableUploadService`].

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt as _;
use media_types::{MediaUrl, UserId};
use tower_service::Service;

use super::answer::{self, Failure, with_version};
use super::append::append;
use super::checksum::Checksum;
use super::error::{ResumableError, ResumableErrorKind};
use super::finish::{finish, result};
use super::headers::{
    METHOD_OVERRIDE, PART_TYPE, TUS_RESUMABLE, UPLOAD_CHECKSUM, UPLOAD_CONCAT, UPLOAD_DEFER_LENGTH,
    UPLOAD_LENGTH, UPLOAD_METADATA, UPLOAD_OFFSET, VERSION, declared, number, single,
};
use super::held::HeldUpload;
use super::id::UploadId;
use super::spool::UploadSpool;
use crate::link::LinkSigner;
use crate::serve::{BoxError, ResponseBody};
use crate::upload::{
    Incoming, UploadFailure, UploadGrant, UploadPolicy, UploadTarget, respond_items, type_of,
    unreadable,
};

/// Takes uploads in parts, by the protocol [tus 1.0](https://tus.io/protocols/resumable-upload), so that a
/// client whose connection breaks goes on where it was.
///
/// Served are the core of the protocol and the extensions creation, creation-with-upload, expiration,
/// termination and checksum (SHA-1 and SHA-256). The policy is asked for each request; an upload belongs to
/// the user of the grant that it began with, and is 404 for others. The media gets the metadata of that grant,
/// whichever request finishes the upload. The metadata keys `filename` and `filetype` say what a form would.
/// `X-HTTP-Method-Override` counts with `POST`; the policy sees the method that it names.
///
/// Parts are kept in an [`UploadSpool`]. When the last byte has arrived, the media is typed by its bytes and
/// stored, before the response; a `GET` of the upload then returns the JSON that
/// [`UploadService`](crate::UploadService) responds with. Storing goes on when the client goes away. If it
/// fails, the upload stays complete, and the next request for it tries again, unless the target refuses the
/// media for good (`TooLarge`, `InvalidInput`, `NotFound`): then the upload is removed. If the process ends between storing the media and noting that, the
/// media is stored once more; the first copy stays until it expires, so a grant should set a retention.
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
pub struct ResumableUploadService(Arc<Settings>);

#[derive(Clone)]
struct Settings {
    target: Arc<dyn UploadTarget>,
    policy: Arc<dyn UploadPolicy>,
    spool: UploadSpool,
    base: Arc<str>,
    signer: Option<LinkSigner>,
}

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
        Ok(Self(Arc::new(Settings {
            target: Arc::new(target),
            policy: Arc::new(policy),
            spool,
            base: base.into(),
            signer: None,
        })))
    }

    /// Sets the signer of the links in results. Defaults to none: results have no links.
    #[must_use]
    pub fn with_signer(self, signer: LinkSigner) -> Self {
        let mut settings = (*self.0).clone();
        settings.signer = Some(signer);
        Self(Arc::new(settings))
    }
}

impl Settings {
    async fn answer(
        &self,
        mut request: Parts,
        body: Incoming,
    ) -> Result<Response<ResponseBody>, Failure> {
        // The policy sees the method that is carried out.
        request.method = method_of(&request)?;
        let method = request.method.clone();
        if method == Method::OPTIONS {
            return Ok(answer::options());
        }
        let known = [
            Method::POST,
            Method::HEAD,
            Method::PATCH,
            Method::DELETE,
            Method::GET,
        ];
        if !known.contains(&method) {
            return Err(Failure::Method);
        }
        // Reading the result is no part of the protocol.
        if method != Method::GET && single(&request.headers, &TUS_RESUMABLE) != Ok(Some(VERSION)) {
            return Err(Failure::Version);
        }
        let granted = self.policy.authorize(&request).await;
        let grant = granted.map_err(UploadFailure::Refused)?;
        if method == Method::POST {
            return self.create(&request, body, grant).await;
        }
        match method {
            Method::PATCH => self.append(&request, body, grant).await,
            Method::DELETE => {
                self.upload_of(&request, &grant).await?.remove().await?;
                Ok(answer::removed())
            }
            Method::HEAD => {
                let upload = self.upload_of(&request, &grant).await?;
                let upload = finish(upload, &self.target, grant).await?;
                Ok(answer::state(&upload))
            }
            _ => {
                let upload = self.upload_of(&request, &grant).await?;
                let upload = finish(upload, &self.target, grant.clone()).await?;
                let items = result(&upload, self.signer.as_ref(), &grant).await?;
                Ok(with_version(respond_items(StatusCode::OK, &items)))
            }
        }
    }

    async fn create(
        &self,
        request: &Parts,
        body: Incoming,
        grant: UploadGrant,
    ) -> Result<Response<ResponseBody>, Failure> {
        let headers = &request.headers;
        if headers.contains_key(UPLOAD_DEFER_LENGTH) || headers.contains_key(UPLOAD_CONCAT) {
            return Err("the size is needed at the beginning, and uploads are not joined".into());
        }
        let length = number(headers, &UPLOAD_LENGTH)?.ok_or("Upload-Length is missing")?;
        if length == 0 {
            return Err("the upload has no bytes".into());
        }
        if length > grant.max_bytes() {
            return Err(UploadFailure::too_large().into());
        }
        let metadata = single(headers, &UPLOAD_METADATA)?.unwrap_or_default();
        declared(metadata)?;
        let has_part = single(headers, &CONTENT_TYPE)? == Some(PART_TYPE);
        let checksum = checksum(request)?;
        if has_part {
            check_announced(request, length)?;
        }
        let granted = grant.metadata().clone();
        let id = self.spool.create(granted, length, metadata.to_owned());
        let id = id.await?;
        let mut upload = HeldUpload::take(&self.spool, &id, owner(&grant)).await?;
        let expires_at = upload.record().expires_at;
        if !has_part {
            return Ok(answer::created(self.location(&id)?, expires_at, None));
        }
        let taken = self.take(upload, body, checksum, grant.clone()).await;
        upload = match taken {
            Ok(upload) => upload,
            Err(failure) => {
                // The client does not know where the upload is, and begins anew.
                if let Ok(upload) = HeldUpload::take(&self.spool, &id, owner(&grant)).await {
                    upload.remove().await?;
                }
                return Err(failure);
            }
        };
        let location = self.location(&id)?;
        Ok(answer::created(location, expires_at, Some(&upload)))
    }

    async fn append(
        &self,
        request: &Parts,
        body: Incoming,
        grant: UploadGrant,
    ) -> Result<Response<ResponseBody>, Failure> {
        let content_type = single(&request.headers, &CONTENT_TYPE)?;
        if content_type != Some(PART_TYPE) {
            return Err(Failure::ContentType);
        }
        let offset = number(&request.headers, &UPLOAD_OFFSET)?;
        let offset = offset.ok_or("Upload-Offset is missing")?;
        let checksum = checksum(request)?;
        let upload = self.upload_of(request, &grant).await?;
        if offset != upload.offset() {
            return Err(Failure::Offset);
        }
        check_announced(request, upload.left())?;
        let upload = self.take(upload, body, checksum, grant).await?;
        Ok(answer::appended(&upload))
    }

    /// Takes a part, and stores the media if it was the last.
    async fn take(
        &self,
        upload: HeldUpload,
        body: Incoming,
        checksum: Option<Checksum>,
        grant: UploadGrant,
    ) -> Result<HeldUpload, Failure> {
        let mime = declared(&upload.record().metadata)?.mime;
        let permits = |prefix: &[u8]| {
            type_of(prefix, mime.as_deref()).is_some_and(|mime| grant.permits(&mime))
        };
        let upload = match upload.record().stored {
            Some(_) => upload,
            None => append(upload, body, checksum, &permits).await?,
        };
        finish(upload, &self.target, grant).await
    }

    /// Waits for the upload that the path of a request names.
    async fn upload_of(&self, request: &Parts, grant: &UploadGrant) -> Result<HeldUpload, Failure> {
        let path = request.uri.path().trim_end_matches('/');
        let id = path.rsplit('/').next().and_then(UploadId::parse);
        let id = id.ok_or(Failure::NotFound)?;
        Ok(HeldUpload::take(&self.spool, &id, owner(grant)).await?)
    }

    fn location(&self, id: &UploadId) -> Result<HeaderValue, Failure> {
        let location = HeaderValue::try_from(format!("{}/{id}", self.base));
        location.map_err(|error| Failure::Io(std::io::Error::other(error)))
    }
}

fn owner(grant: &UploadGrant) -> Option<&UserId> {
    grant.metadata().user()
}

/// Returns the method. Clients that cannot send all methods send `POST` with another one in a header.
fn method_of(request: &Parts) -> Result<Method, Failure> {
    if request.method != Method::POST {
        return Ok(request.method.clone());
    }
    match single(&request.headers, &METHOD_OVERRIDE)? {
        Some(name) => Method::from_bytes(name.as_bytes()).map_err(|_| Failure::Method),
        None => Ok(request.method.clone()),
    }
}

fn checksum(request: &Parts) -> Result<Option<Checksum>, &'static str> {
    let text = single(&request.headers, &UPLOAD_CHECKSUM)?;
    text.map(Checksum::parse).transpose()
}

/// Refuses a part that announces more than is left.
fn check_announced(request: &Parts, left: u64) -> Result<(), Failure> {
    match number(&request.headers, &CONTENT_LENGTH)? {
        Some(len) if len > left => Err(UploadFailure::too_large().into()),
        _ => Ok(()),
    }
}

impl<B> Service<Request<B>> for ResumableUploadService
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let settings = Arc::clone(&self.0);
        let (parts, body) = request.into_parts();
        let body = body
            .into_data_stream()
            .map(|piece| piece.map_err(unreadable))
            .boxed();
        Box::pin(async move {
            Ok(match settings.answer(parts, body).await {
                Ok(response) => response,
                Err(failure) => {
                    if let Failure::Io(_) | Failure::Upload(UploadFailure::Storage(_)) = &failure {
                        tracing::warn!(?failure, "a part of an upload failed");
                    }
                    failure.into_response()
                }
            })
        })
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
