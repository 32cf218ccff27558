//! [`MediaService`].

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::Response;
use http::request::Parts;
use media_storage::MediaStorage;

use super::headers::HeaderPolicy;
use super::respond::respond;
use super::settings::Settings;
use crate::clock::Clock;
use crate::link::LinkKeys;
use crate::service::{Handler, Incoming, ResponseBody, impl_service};

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
    pub fn with_store(mut self, store: impl MediaStorage) -> Self {
        self.settings().stores.push(Arc::new(store));
        self
    }

    /// Sets whether pages of other sites may embed the media. Defaults to no: browsers show it in pages
    /// of the same site only.
    #[must_use]
    pub fn with_cross_origin(mut self, allowed: bool) -> Self {
        self.settings().policy.cross_origin = allowed;
        self
    }

    /// Sets the clock that links expire by. Defaults to the clock of the system.
    #[must_use]
    pub fn with_clock(mut self, now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        self.settings().clock = Clock::new(now);
        self
    }

    fn settings(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.0)
    }
}

impl_service!(MediaService, ignores bodies);

impl Handler for Settings {
    async fn handle(&self, request: Parts, _: Incoming) -> Response<ResponseBody> {
        respond(self, &request).await
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
