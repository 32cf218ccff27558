//! From a request of the protocol to its response.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use media_types::{UserId, sniff_declared};

use super::answer::{self, Failure, with_version};
use super::append::append;
use super::checksum::Checksum;
use super::finish::{finish, result};
use super::headers::{
    METHOD_OVERRIDE, PART_TYPE, TUS_RESUMABLE, UPLOAD_CHECKSUM, UPLOAD_CONCAT, UPLOAD_DEFER_LENGTH,
    UPLOAD_LENGTH, UPLOAD_METADATA, UPLOAD_OFFSET, VERSION, declared,
};
use super::held::HeldUpload;
use super::id::UploadId;
use super::spool::UploadSpool;
use crate::link::LinkSigner;
use crate::service::{Handler, Incoming, ResponseBody, number, single};
use crate::upload::{
    StoodStill, UploadFailure, UploadGrant, UploadPolicy, UploadTarget, check_plain, respond_items,
};

/// Answers the requests of the protocol.
#[derive(Clone)]
pub(super) struct PartHandler {
    pub(super) target: Arc<dyn UploadTarget>,
    pub(super) policy: Arc<dyn UploadPolicy>,
    pub(super) spool: UploadSpool,
    /// Begins the locations of uploads.
    pub(super) base: Arc<str>,
    pub(super) signer: Option<LinkSigner>,
    pub(super) idle_timeout: Duration,
}

impl Handler for PartHandler {
    async fn handle(&self, request: Parts, body: Incoming) -> Response<ResponseBody> {
        self.answer(request, body).await.unwrap_or_else(|failure| {
            if let Failure::Io(_) | Failure::Upload(UploadFailure::Storage(_)) = &failure {
                tracing::warn!(?failure, "a part of an upload failed");
            }
            failure.into_response()
        })
    }
}

impl PartHandler {
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
            check_plain(headers)?;
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
        check_plain(&request.headers)?;
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
            sniff_declared(prefix, mime.as_deref()).is_some_and(|mime| grant.permits(&mime))
        };
        let upload = match upload.record().stored {
            Some(_) => upload,
            None => {
                let stood_still = StoodStill::default();
                let body = stood_still.watch(body, self.idle_timeout);
                let appended = append(upload, body, checksum, &permits).await;
                appended.map_err(|failure| match failure.into() {
                    Failure::Upload(failure) => stood_still.judge(failure).into(),
                    failure => failure,
                })?
            }
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
