//! [`UploadService`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{Method, Response, StatusCode};
use media_types::readable::causes;

use super::answer::{METHODS, UploadFailure, UploadedMedia, respond_items};
use super::frame::FORM_ROOM;
use super::head::{UploadHead, file_name};
use super::idle::{IDLE_TIMEOUT, StoodStill};
use super::intake::{Declared, Intake};
use super::multipart::take_form;
use super::policy::UploadPolicy;
use super::target::UploadTarget;
use crate::link::LinkSigner;
use crate::service::{Handler, Incoming, ResponseBody, impl_service, methods};

/// Stores what clients send.
///
/// - `PUT` and `POST` of a raw body store one item; the last segment of the path of a `PUT` is its file
///   name.
/// - `POST` of `multipart/form-data` stores each file of the form: all of them, or none. Everything in the form
///   beside the bytes of its files, such as headers and other fields, has room in 64 KiB.
///
/// Bodies are streamed into the store and never held in memory. The type is judged by the bytes. The
/// response is 201 with JSON: `{"items": [...]}` with an [`UploadedMedia`](crate::UploadedMedia) each;
/// errors are `{"error": {"code": ..., "message": ...}}`.
///
/// Bodies need a tokio runtime with its timer. When a client goes or stands still, nothing of the item that it was
/// sending stays, and items of the form that were complete are deleted. What cannot be deleted, also because the
/// process ends, stays until it expires, so a grant should set a retention.
#[derive(Clone)]
pub struct UploadService(Arc<Settings>);

#[derive(Clone)]
struct Settings {
    target: Arc<dyn UploadTarget>,
    policy: Arc<dyn UploadPolicy>,
    signer: Option<LinkSigner>,
    idle_timeout: Duration,
}

impl UploadService {
    /// Creates a service from a store, or another target, and a policy.
    pub fn new(target: impl UploadTarget, policy: impl UploadPolicy) -> Self {
        Self(Arc::new(Settings {
            target: Arc::new(target),
            policy: Arc::new(policy),
            signer: None,
            idle_timeout: IDLE_TIMEOUT,
        }))
    }

    /// Sets the signer of the links in responses. Defaults to none: responses have no links.
    #[must_use]
    pub fn with_signer(mut self, signer: LinkSigner) -> Self {
        Arc::make_mut(&mut self.0).signer = Some(signer);
        self
    }

    /// Sets how long a client may send nothing in the middle of a body, before it is answered with 408. Time
    /// that the store takes does not count. Defaults to 60 seconds.
    #[must_use]
    pub fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        Arc::make_mut(&mut self.0).idle_timeout = timeout;
        self
    }
}

impl_service!(UploadService, reads bodies);

impl Handler for Settings {
    async fn handle(&self, request: Parts, body: Incoming) -> Response<ResponseBody> {
        if request.method == Method::OPTIONS {
            return methods(METHODS);
        }
        match self.take(request, body).await {
            Ok(items) => respond_items(StatusCode::CREATED, &items),
            Err(failure) => {
                if let UploadFailure::Storage(error) = &failure {
                    tracing::warn!(error = %causes(&error), "an upload failed");
                }
                failure.into_response()
            }
        }
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
        let head = UploadHead::read(&request.headers)?;
        let room = if head.boundary.is_some() {
            FORM_ROOM
        } else {
            0
        };
        let most = grant.max_bytes.saturating_add(room);
        if head.announced.is_some_and(|len| len > most) {
            return Err(UploadFailure::too_large());
        }
        let stood_still = StoodStill::default();
        let body = stood_still.watch(body, self.idle_timeout);
        let mut intake = Intake::new(&self.target, self.signer.as_ref(), grant);
        let taken = match head.boundary {
            Some(boundary) => take_form(&mut intake, boundary, body).await,
            None => {
                let declared = Declared {
                    mime: head.content_type.map(str::to_owned),
                    filename: file_name(&request),
                    size: head.announced,
                };
                intake.take(declared, body).await
            }
        };
        match taken {
            Ok(()) => intake.finish().await,
            Err(failure) => {
                intake.roll_back().await;
                Err(stood_still.judge(failure))
            }
        }
    }
}

impl fmt::Debug for UploadService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadService")
            .field("signer", &self.0.signer)
            .finish_non_exhaustive()
    }
}
