//! What a provider may do with the media of a request.

use std::sync::Arc;

use media_loader::MediaLoader;
use media_storage::{MediaStorage, Scope};

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
