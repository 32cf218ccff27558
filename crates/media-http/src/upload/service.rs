//! [`UploadService`].

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt as _;
use percent_encoding::percent_decode_str;
use tower_service::Service;

use super::answer::{UploadFailure, UploadedMedia, respond_items};
use super::intake::{Declared, Intake};
use super::multipart::{boundary, take_form};
use super::policy::UploadPolicy;
use super::stream::{Incoming, unreadable};
use super::target::UploadTarget;
use crate::link::LinkSigner;
use crate::serve::{BoxError, ResponseBody};

/// Room for the frame of a form beside the bytes of its files, in bytes.
const FORM_ROOM: u64 = 64 * 1024;

/// Stores what clients send.
///
/// - `PUT` and `POST` of a raw body store one item; the last segment of the path of a `PUT` is its file
///   name.
/// - `POST` of `multipart/form-data` stores each file of the form: all of them, or none.
///
/// Bodies are streamed into the store and never held in memory. The type is judged by the bytes. The
/// response is 201 with JSON: `{"items": [...]}` with an [`UploadedMedia`](crate::UploadedMedia) each;
/// errors are `{"error": {"code": ..., "message": ...}}`.
///
/// When a client goes, nothing of the item that it was sending stays; items of the form that were complete
/// stay until they expire, so a grant should set a retention.
#[derive(Clone)]
pub struct UploadService(Arc<Settings>);

struct Settings {
    target: Arc<dyn UploadTarget>,
    policy: Arc<dyn UploadPolicy>,
    signer: Option<LinkSigner>,
}

impl UploadService {
    /// Creates a service from a store, or another target, and a policy.
    pub fn new(target: impl UploadTarget, policy: impl UploadPolicy) -> Self {
        Self(Arc::new(Settings {
            target: Arc::new(target),
            policy: Arc::new(policy),
            signer: None,
        }))
    }

    /// Sets the signer of the links in responses. Defaults to none: responses have no links.
    #[must_use]
    pub fn with_signer(self, signer: LinkSigner) -> Self {
        Self(Arc::new(Settings {
            target: Arc::clone(&self.0.target),
            policy: Arc::clone(&self.0.policy),
            signer: Some(signer),
        }))
    }
}

impl Settings {
    async fn take(
        &self,
        request: Parts,
        body: Incoming,
    ) -> Result<Vec<UploadedMedia>, UploadFailure> {
        if request.method != Method::POST && request.method != Method::PUT {
            return Err(UploadFailure::Method);
        }
        let grant = self
            .policy
            .authorize(&request)
            .await
            .map_err(UploadFailure::Refused)?;
        let content_type = header(&request, &CONTENT_TYPE);
        let form = content_type.and_then(boundary);
        let room = if form.is_some() { FORM_ROOM } else { 0 };
        let announced = header(&request, &CONTENT_LENGTH).and_then(|len| len.parse::<u64>().ok());
        if announced.is_some_and(|len| len > grant.max_bytes.saturating_add(room)) {
            return Err(UploadFailure::too_large());
        }
        let mut intake = Intake::new(&*self.target, self.signer.as_ref(), grant);
        let taken = match form {
            Some(boundary) => take_form(&mut intake, boundary, body).await,
            None => {
                let declared = Declared {
                    mime: content_type.map(str::to_owned),
                    filename: file_name(&request),
                };
                intake.take(declared, body).await
            }
        };
        match taken {
            Ok(()) => intake.finish().await,
            Err(failure) => {
                intake.roll_back().await;
                Err(failure)
            }
        }
    }
}

fn header<'a>(request: &'a Parts, name: &http::HeaderName) -> Option<&'a str> {
    request.headers.get(name)?.to_str().ok()
}

/// Returns the last segment of the path of a `PUT`.
fn file_name(request: &Parts) -> Option<String> {
    if request.method != Method::PUT {
        return None;
    }
    let segment = request.uri.path().rsplit('/').next()?;
    let name = percent_decode_str(segment).decode_utf8().ok()?;
    (!name.is_empty()).then(|| name.into_owned())
}

impl<B> Service<Request<B>> for UploadService
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
            if parts.method == Method::OPTIONS {
                let mut response = Response::new(ResponseBody::empty());
                *response.status_mut() = StatusCode::NO_CONTENT;
                let methods = HeaderValue::from_static("POST, PUT, OPTIONS");
                response.headers_mut().insert(ALLOW, methods);
                return Ok(response);
            }
            Ok(match settings.take(parts, body).await {
                Ok(items) => respond_items(StatusCode::CREATED, &items),
                Err(failure) => {
                    if let UploadFailure::Storage(error) = &failure {
                        tracing::warn!(%error, "an upload failed");
                    }
                    failure.into_response()
                }
            })
        })
    }
}

impl fmt::Debug for UploadService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadService")
            .field("signer", &self.0.signer)
            .finish_non_exhaustive()
    }
}
