//! From a request to its response.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use http::header::{
    ACCEPT_RANGES, ALLOW, CONTENT_LENGTH, CONTENT_RANGE, IF_RANGE, RANGE, RETRY_AFTER,
};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use media_storage::{MediaStorage, RetrieveOptions, StorageError, StorageErrorKind, StoredMedia};
use media_types::readable::causes;

use super::conditions::{Validators, Verdict, evaluate, is_conditional, range_applies};
use super::headers::of_media;
use super::range::RangeSpec;
use super::settings::Settings;
use crate::link::{LinkClaims, read_token};
use crate::service::{ResponseBody, methods, plain, retry_after};

/// Methods that are answered.
const METHODS: &str = "GET, HEAD, OPTIONS";

/// Answers a request. What a client may not know is not revealed: forged and expired links, media of
/// others and media that is gone look alike.
pub(super) async fn respond(settings: &Settings, request: &Parts) -> Response<ResponseBody> {
    let method = &request.method;
    if method == Method::OPTIONS {
        return methods(METHODS);
    }
    if method != Method::GET && method != Method::HEAD {
        return not_allowed();
    }
    let Some(link) = Link::find(settings, request.uri.path()) else {
        return not_found();
    };
    match link.answer(request).await {
        Ok(response) => response,
        Err(error) => failed(&error),
    }
}

/// A link that is valid now, with what it leads to.
struct Link<'a> {
    settings: &'a Settings,
    store: &'a dyn MediaStorage,
    claims: LinkClaims,
    tag: String,
    now: i64,
}

impl<'a> Link<'a> {
    fn find(settings: &'a Settings, path: &str) -> Option<Self> {
        let mut segments = path.rsplit('/');
        let (_name, token) = (segments.next()?, segments.next()?);
        let (claims, key) = read_token(token, &settings.keys)?;
        let now = settings.clock.now().timestamp();
        if claims.expires_at <= now {
            return None;
        }
        Some(Self {
            store: settings.store_of(&claims.reference)?,
            tag: key.entity_tag(&claims.reference),
            settings,
            claims,
            now,
        })
    }

    async fn answer(&self, request: &Parts) -> Result<Response<ResponseBody>, StorageError> {
        let headers = &request.headers;
        let is_head = request.method == Method::HEAD;
        // A range has a meaning for GET alone.
        let range = headers
            .get(RANGE)
            .filter(|_| !is_head)
            .and_then(|value| RangeSpec::parse(value.to_str().ok()?));

        let mut wanted = range;
        if is_head || is_conditional(headers) || matches!(range, Some(RangeSpec::Suffix(_))) {
            let stored = self.open(RetrieveOptions::new().with_head()).await?;
            let validators = self.validators(&stored);
            match evaluate(headers, validators) {
                Verdict::Proceed => {}
                Verdict::NotModified => {
                    return Ok(self.response(StatusCode::NOT_MODIFIED, &stored, None));
                }
                Verdict::Failed => return Ok(plain(StatusCode::PRECONDITION_FAILED)),
            }
            if is_head {
                return Ok(self.response(StatusCode::OK, &stored, Some(stored.size)));
            }
            if headers.contains_key(IF_RANGE) && !range_applies(headers, validators) {
                wanted = None;
            }
            if let Some(spec) = wanted {
                return match spec.resolve(stored.size) {
                    Some(range) => self.part(range).await,
                    None => Ok(self.unsatisfiable(&stored)),
                };
            }
        }
        match wanted {
            None => self.whole().await,
            // One call: the size that is needed to judge the range comes with its bytes.
            Some(spec) => match spec.resolve(u64::MAX) {
                Some(range) => self.part(range).await,
                // It begins behind the largest position that there can be.
                None => {
                    let stored = self.open(RetrieveOptions::new().with_head()).await?;
                    Ok(self.unsatisfiable(&stored))
                }
            },
        }
    }

    async fn open(&self, options: RetrieveOptions) -> Result<StoredMedia, StorageError> {
        let options = options.with_expected_scope(self.claims.scope.clone());
        self.store
            .retrieve_opts(&self.claims.reference, options)
            .await
    }

    async fn whole(&self) -> Result<Response<ResponseBody>, StorageError> {
        let stored = self.open(RetrieveOptions::new()).await?;
        let mut response = self.response(StatusCode::OK, &stored, Some(stored.size));
        *response.body_mut() = ResponseBody::media(stored.size, stored.body);
        Ok(response)
    }

    async fn part(&self, range: Range<u64>) -> Result<Response<ResponseBody>, StorageError> {
        let options = RetrieveOptions::new().with_range(range.clone());
        let stored = self.open(options).await?;
        if range.start >= stored.size {
            return Ok(self.unsatisfiable(&stored));
        }
        let end = range.end.min(stored.size);
        let len = end - range.start;
        let mut response = self.response(StatusCode::PARTIAL_CONTENT, &stored, Some(len));
        let content_range = format!("bytes {}-{}/{}", range.start, end - 1, stored.size);
        if let Ok(value) = HeaderValue::from_str(&content_range) {
            response.headers_mut().insert(CONTENT_RANGE, value);
        }
        *response.body_mut() = ResponseBody::media(len, stored.body);
        Ok(response)
    }

    fn unsatisfiable(&self, stored: &StoredMedia) -> Response<ResponseBody> {
        let mut response = plain(StatusCode::RANGE_NOT_SATISFIABLE);
        if let Ok(value) = HeaderValue::from_str(&format!("bytes */{}", stored.size)) {
            response.headers_mut().insert(CONTENT_RANGE, value);
        }
        response
    }

    fn response(
        &self,
        status: StatusCode,
        stored: &StoredMedia,
        len: Option<u64>,
    ) -> Response<ResponseBody> {
        let mut end = self.claims.expires_at;
        if let Some(gone) = stored.expires_at() {
            end = end.min(gone.timestamp());
        }
        let mut headers = of_media(
            stored,
            self.claims.disposition,
            self.validators(stored),
            end - self.now,
            self.settings.policy,
        );
        if let Some(len) = len {
            headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
            headers.insert(CONTENT_LENGTH, HeaderValue::from(len));
        }
        let mut response = Response::new(ResponseBody::empty());
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }

    fn validators(&self, stored: &StoredMedia) -> Validators<'_> {
        let seconds = stored.stored_at.map(|at| at.timestamp());
        Validators {
            tag: &self.tag,
            modified: seconds
                .and_then(|seconds| u64::try_from(seconds).ok())
                .map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)),
        }
    }
}

fn not_found() -> Response<ResponseBody> {
    plain(StatusCode::NOT_FOUND)
}

fn not_allowed() -> Response<ResponseBody> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED);
    let methods = HeaderValue::from_static(METHODS);
    response.headers_mut().insert(ALLOW, methods);
    response
}

fn failed(error: &StorageError) -> Response<ResponseBody> {
    match error.kind() {
        StorageErrorKind::NotFound | StorageErrorKind::InvalidRef => return not_found(),
        StorageErrorKind::Unavailable | StorageErrorKind::RateLimited => {
            tracing::warn!(error = %causes(&error), "media could not be served");
            let mut response = plain(StatusCode::SERVICE_UNAVAILABLE);
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, retry_after(error));
            return response;
        }
        _ => tracing::error!(error = %causes(&error), "media could not be served"),
    }
    plain(StatusCode::INTERNAL_SERVER_ERROR)
}
