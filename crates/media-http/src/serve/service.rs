//! [`MediaService`].

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use chrono::{DateTime, Utc};
use http::{Request, Response};
use media_storage::MediaStorage;
use tower_service::Service;

use super::body::ResponseBody;
use super::headers::HeaderPolicy;
use super::respond::respond;
use super::settings::Settings;
use crate::clock::Clock;
use crate::link::LinkKeys;

/// Answers GET and HEAD of links that a [`LinkSigner`](crate::LinkSigner) made.
///
/// The last two segments of the path are the token and a name, so it can be mounted anywhere. Ranges,
/// conditional requests and caching follow RFC 9110; several ranges in one request are answered with the
/// whole media, as the standard permits. Whole media is verified while it is sent.
///
/// For scripts of other origins, put a CORS layer around it, such as `tower_http::cors::CorsLayer`.
///
/// Cheap to clone. Memory does not grow with the media, however slowly clients read.
#[derive(Clone)]
pub struct MediaService(Arc<Settings>);

impl MediaService {
    /// Creates a service from a store and the keys that links are signed with.
    pub fn new(store: impl MediaStorage, keys: LinkKeys) -> Self {
        Self(Arc::new(Settings {
            stores: vec![Arc::new(store)],
            keys,
            policy: HeaderPolicy {
                cross_origin: false,
            },
            clock: Clock::default(),
        }))
    }

    /// Adds a store. A link is answered from the store that its reference names.
    #[must_use]
    pub fn with_store(self, store: impl MediaStorage) -> Self {
        self.with(|settings| settings.stores.push(Arc::new(store)))
    }

    /// Sets whether pages of other sites may embed the media. Defaults to no: browsers show it in pages
    /// of the same site only.
    #[must_use]
    pub fn with_cross_origin(self, allowed: bool) -> Self {
        self.with(|settings| settings.policy.cross_origin = allowed)
    }

    /// Sets the clock that links expire by. Defaults to the clock of the system.
    #[must_use]
    pub fn with_clock(self, now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.clock = Clock::new(now))
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = (*self.0).clone();
        change(&mut settings);
        self.0 = Arc::new(settings);
        self
    }
}

impl<B> Service<Request<B>> for MediaService {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let settings = Arc::clone(&self.0);
        let (parts, _) = request.into_parts();
        Box::pin(async move { Ok(respond(&settings, &parts).await) })
    }
}

impl fmt::Debug for MediaService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let backends: Vec<_> = self.0.stores.iter().map(|store| store.backend()).collect();
        f.debug_struct("MediaService")
            .field("stores", &backends)
            .field("keys", &self.0.keys)
            .finish_non_exhaustive()
    }
}
