//! The layer and its service.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Body;
use tokio::io::AsyncReadExt as _;
use tower_layer::Layer;
use tower_service::Service;

use crate::error::{HistoryError, HistoryErrorKind, HistoryOperation};
use crate::history::History;

use super::begun::Begun;
use super::body::{BoxError, HistoryBody};
use super::reader::BodyReader;

/// Longest slim request by default, in bytes.
const MAX_REQUEST: u64 = 32 * 1024 * 1024;

/// Puts media into requests that hold placeholders, and takes it out of answers in JSON.
///
/// A request is looked at when it says that it is JSON or lines of it, or does not say what it is and begins like
/// JSON. One in another form, or with a content encoding, passes as it is.
///
/// A request's media is streamed from the store with a content length; media that is missing fails the
/// call before anything is sent. An answer's media is stored while the answer is read; its length is
/// not known beforehand. Answers in other forms, event streams among them, pass as they are.
#[derive(Clone, Debug)]
pub struct HistoryLayer {
    history: History,
    max_request: u64,
}

impl HistoryLayer {
    /// Creates a layer that uses this history.
    pub fn new(history: History) -> Self {
        Self {
            history,
            max_request: MAX_REQUEST,
        }
    }

    /// Sets the longest slim request, in bytes: it is held in memory. Defaults to 32 MiB.
    #[must_use]
    pub fn with_max_request_bytes(mut self, bytes: u64) -> Self {
        self.max_request = bytes;
        self
    }
}

impl<S> Layer<S> for HistoryLayer {
    type Service = HistoryService<S>;

    fn layer(&self, inner: S) -> HistoryService<S> {
        HistoryService {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service that [`HistoryLayer`] makes of another.
#[derive(Clone, Debug)]
pub struct HistoryService<S> {
    inner: S,
    layer: HistoryLayer,
}

impl<S, B, R> Service<Request<B>> for HistoryService<S>
where
    S: Service<Request<HistoryBody>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
    R: Body<Data = Bytes> + Send + Unpin + 'static,
    R::Error: Into<BoxError>,
{
    type Response = Response<HistoryBody>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<HistoryBody>, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(ready!(self.inner.poll_ready(cx)).map_err(Into::into))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The service that was polled is the one that is ready.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let layer = self.layer.clone();
        Box::pin(async move {
            let request = layer.restore(request).await?;
            let response = inner.call(request).await.map_err(Into::into)?;
            Ok(layer.externalize(response))
        })
    }
}

impl HistoryLayer {
    async fn restore<B>(&self, request: Request<B>) -> Result<Request<HistoryBody>, BoxError>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let (mut parts, body) = request.into_parts();
        if !may_name_media(&parts.headers) {
            return Ok(Request::from_parts(parts, HistoryBody::passed(body)));
        }
        let has_form = parts.headers.contains_key(CONTENT_TYPE);
        let body = Begun::of(body).await;
        if !has_form && !body.begins_like_json() {
            return Ok(Request::from_parts(parts, HistoryBody::passed(body)));
        }
        let mut slim = Vec::new();
        BodyReader::new(body)
            .take(self.max_request.saturating_add(1))
            .read_to_end(&mut slim)
            .await?;
        if slim.len() as u64 > self.max_request {
            return Err(
                HistoryError::new(HistoryErrorKind::Read, HistoryOperation::Restore)
                    .with_reason("the slim request is longer than the layer takes")
                    .into(),
            );
        }
        if self.history.references(&slim)?.is_empty() {
            return Ok(Request::from_parts(parts, HistoryBody::whole(slim.into())));
        }
        let body = self.history.restore_body(&slim).await?;
        if let Some(len) = body.len() {
            parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(len));
        }
        Ok(Request::from_parts(parts, HistoryBody::restored(body)))
    }

    fn externalize<R>(&self, response: Response<R>) -> Response<HistoryBody>
    where
        R: Body<Data = Bytes> + Send + Unpin + 'static,
        R::Error: Into<BoxError>,
    {
        let (mut parts, body) = response.into_parts();
        if !is_slimmed(&parts.headers) {
            return Response::from_parts(parts, HistoryBody::passed(body));
        }
        parts.headers.remove(CONTENT_LENGTH);
        Response::from_parts(parts, HistoryBody::slim(self.history.clone(), body))
    }
}

/// Whether a request may be a history that can be read here: a client may leave out what form it has, or
/// write line after line.
fn may_name_media(headers: &HeaderMap) -> bool {
    let is_lines = |form: &str| {
        let form = form.rsplit('/').next().unwrap_or_default();
        let lines = [
            "json",
            "jsonl",
            "ndjson",
            "x-ndjson",
            "jsonlines",
            "x-jsonlines",
            "json-seq",
        ];
        lines.iter().any(|lines| form.eq_ignore_ascii_case(lines))
    };
    let is_history = match headers.get(CONTENT_TYPE) {
        None => true,
        Some(_) => form_of(headers).is_some_and(|form| is_json(form) || is_lines(form)),
    };
    is_history && !headers.contains_key(CONTENT_ENCODING)
}

/// Whether an answer is JSON that can be read here.
fn is_slimmed(headers: &HeaderMap) -> bool {
    form_of(headers).is_some_and(is_json) && !headers.contains_key(CONTENT_ENCODING)
}

fn form_of(headers: &HeaderMap) -> Option<&str> {
    let form = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(form.split(';').next().unwrap_or_default().trim())
}

fn is_json(form: &str) -> bool {
    let suffix = form
        .rsplit('+')
        .next()
        .filter(|suffix| suffix.len() < form.len());
    form.eq_ignore_ascii_case("application/json")
        || suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("json"))
}
