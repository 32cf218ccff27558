//! What a provider may do with the media of a request.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use media_loader::MediaLoader;
use media_storage::{MediaStorage, Scope};
use media_types::{MediaContent, ProviderFile};

use super::fitting::ImageFitter;
use crate::error::ProviderError;
use crate::planner::{PlannerKey, PlannerState, PlannerStore};
use crate::sink::MediaSink;

/// What a provider may do with the media of a request, and where media of its answer goes.
///
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct MediaContext {
    loader: MediaLoader,
    scope: Option<Scope>,
    signed_urls: SignedUrls,
    sink: MediaSink,
    planner: Option<Arc<dyn PlannerStore>>,
    fitter: Option<Arc<dyn ImageFitter>>,
    #[cfg_attr(
        not(feature = "http-client"),
        allow(dead_code, reason = "used by providers only")
    )]
    uploads: Arc<[Arc<dyn MediaUploads>]>,
}

/// Whether stored media may go to a provider as a signed URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignedUrls {
    /// Where the provider fetches URLs and the store signs them for a public host.
    #[default]
    Prefer,
    /// Never: always the bytes.
    Never,
}

/// Uploads of media to an account at a provider, which gives ids for it.
#[async_trait]
pub trait MediaUploads: fmt::Debug + Send + Sync + 'static {
    /// Returns whether media is uploaded to this account: a provider, a base URL without a query,
    /// and the fingerprint of an account.
    fn are_to(&self, provider: &str, base_url: &str, account: &str) -> bool;

    /// Returns the file of media of a size, uploaded before or now; `None` for media that is not
    /// to be uploaded.
    ///
    /// # Errors
    /// Those of the upload.
    async fn file_of(
        &self,
        content: &MediaContent,
        size: u64,
        media: &MediaContext,
    ) -> Result<Option<ProviderFile>, ProviderError>;

    /// Takes a file that the provider refused. It is deleted, where it is still there, and forgotten, so that
    /// it is uploaded again; one that cannot be deleted stays known, and its media goes by its bytes.
    async fn lost(&self, content: &MediaContent, id: &str);
}

impl MediaContext {
    /// Creates a context of media that a loader finds. With a scope, references outside of it
    /// count as missing.
    pub fn new(loader: MediaLoader, scope: Option<Scope>) -> Self {
        let loader = match &scope {
            Some(scope) => {
                let options = loader.options().clone();
                loader.with_options(options.with_expected_scope(scope.clone()))
            }
            None => loader,
        };
        Self {
            loader,
            scope,
            signed_urls: SignedUrls::default(),
            sink: MediaSink::in_memory(),
            planner: None,
            fitter: None,
            uploads: Arc::default(),
        }
    }

    /// Creates a context of media in stores; a reference is read from the one that it names.
    pub fn from_stores(stores: impl IntoIterator<Item = Arc<dyn MediaStorage>>) -> Self {
        let loader = stores
            .into_iter()
            .fold(MediaLoader::builder(), |builder, store| {
                builder.with_storage(store)
            });
        Self::new(loader.build(), None)
    }

    /// Sets whether signed URLs may be used. Defaults to [`SignedUrls::Prefer`].
    #[must_use]
    pub fn with_signed_urls(mut self, signed_urls: SignedUrls) -> Self {
        self.signed_urls = signed_urls;
        self
    }

    /// Sets where media of the answer goes. Defaults to memory, as inline content.
    #[must_use]
    pub fn with_sink(mut self, sink: MediaSink) -> Self {
        self.sink = sink;
        self
    }

    /// Sets where the states of request planners are kept. Defaults to nowhere: each request is
    /// planned as if it were the first.
    #[must_use]
    pub fn with_planner_store(mut self, store: Arc<dyn PlannerStore>) -> Self {
        self.planner = Some(store);
        self
    }

    /// Sets what makes images fit before they are sent. Defaults to nothing: images that do not fit are
    /// left out.
    #[must_use]
    pub fn with_image_fitter(mut self, fitter: Arc<dyn ImageFitter>) -> Self {
        self.fitter = Some(fitter);
        self
    }

    /// Sets where media may be uploaded, so that requests name it by an id. Defaults to nowhere:
    /// nothing is uploaded.
    #[must_use]
    pub fn with_provider_files(
        mut self,
        uploads: impl IntoIterator<Item = impl MediaUploads>,
    ) -> Self {
        let shared = uploads
            .into_iter()
            .map(|one| Arc::new(one) as Arc<dyn MediaUploads>);
        self.uploads = shared.collect();
        self
    }

    /// Returns the uploads to an account.
    #[cfg(feature = "http-client")]
    pub(crate) fn uploads_to(
        &self,
        provider: &str,
        base_url: &str,
        account: &str,
    ) -> Option<Arc<dyn MediaUploads>> {
        let mut all = self.uploads.iter();
        let found = all.find(|uploads| uploads.are_to(provider, base_url, account));
        found.map(Arc::clone)
    }

    /// Returns the state of a planner after the last request that was accepted.
    pub(crate) async fn planner_state(&self, key: &PlannerKey) -> PlannerState {
        match &self.planner {
            Some(store) => store.load(key).await,
            None => PlannerState::default(),
        }
    }

    /// Hands over the state of a planner after a request that was accepted.
    pub(crate) fn accept_planner_state(&self, key: &PlannerKey, state: PlannerState) {
        if let Some(store) = &self.planner {
            store.accepted(key, state);
        }
    }

    /// Returns what makes images fit.
    pub(super) fn image_fitter(&self) -> Option<&Arc<dyn ImageFitter>> {
        self.fitter.as_ref()
    }

    /// Returns where media of the answer goes.
    pub fn sink(&self) -> &MediaSink {
        &self.sink
    }

    /// Returns the loader of the request's media.
    pub fn loader(&self) -> &MediaLoader {
        &self.loader
    }

    /// Returns the scope that references must lie in, if one is enforced.
    pub fn scope(&self) -> Option<&Scope> {
        self.scope.as_ref()
    }

    /// Returns whether signed URLs may be used.
    pub fn signed_urls(&self) -> SignedUrls {
        self.signed_urls
    }
}

impl Default for MediaContext {
    /// A context without stores: inline media only.
    fn default() -> Self {
        Self::new(MediaLoader::builder().build(), None)
    }
}
