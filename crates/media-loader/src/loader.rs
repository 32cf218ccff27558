//! The loader.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use media_storage::{MediaBody, MediaStorage, SignedUrl, SignedUrlOptions, StorageError};
use media_types::{MediaContent, MediaSource, Mime, StorageReference};

use crate::body;
use crate::builder::MediaLoaderBuilder;
use crate::cache::Cache;
use crate::error::{LoadError, LoadErrorKind};
use crate::file::FileAccess;
use crate::media::LoadedMedia;
use crate::mime::MimePolicy;
use crate::options::LoadOptions;
use crate::registry::Registry;
use crate::stored::{body_error_of_stored, stored_error};
use crate::text::Base64Text;

/// Gives the bytes of media content, wherever they are.
///
/// Cheap to clone; clones share stores and cache. See the [crate's page](crate) for an example.
#[derive(Clone, Debug)]
pub struct MediaLoader {
    pub(crate) shared: Arc<Shared>,
    pub(crate) options: LoadOptions,
    /// Stores of this handle and its clones only.
    pub(crate) more: Registry,
    /// Whether this handle and its clones leave URLs alone, whatever the policy.
    pub(crate) no_urls: bool,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) registry: Registry,
    pub(crate) files: FileAccess,
    pub(crate) mime: MimePolicy,
    pub(crate) max_bytes: u64,
    pub(crate) http_timeout: Duration,
    #[cfg(feature = "http")]
    pub(crate) fetcher: crate::fetch::Fetcher,
    pub(crate) cache: Option<Cache>,
}

impl MediaLoader {
    /// Starts a loader that reads inline content only, up to 50 MiB.
    pub fn builder() -> MediaLoaderBuilder {
        MediaLoaderBuilder::new()
    }

    pub(crate) fn new(shared: Shared) -> Self {
        Self {
            shared: Arc::new(shared),
            options: LoadOptions::new(),
            more: Registry::default(),
            no_urls: false,
        }
    }

    /// The same loader, for loads with these options.
    ///
    /// ```
    /// # use media_loader::{LoadOptions, MediaLoader};
    /// # use media_storage::Scope;
    /// # fn run(loader: &MediaLoader) -> Result<(), media_types::ValueError> {
    /// let scope = Scope::User("user-1".parse()?);
    /// let of_user = loader.with_options(LoadOptions::new().with_expected_scope(scope));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_options(&self, options: LoadOptions) -> Self {
        Self {
            options,
            ..self.clone()
        }
    }

    /// The options of this handle's loads.
    pub fn options(&self) -> &LoadOptions {
        &self.options
    }

    /// The same loader, that fetches no URL whatever its policy: for content whose addresses were
    /// chosen by somebody who is not trusted. Everything else is shared.
    #[must_use]
    pub fn without_urls(&self) -> Self {
        Self {
            no_urls: true,
            ..self.clone()
        }
    }

    /// The same loader with one more store; everything else is shared.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use media_loader::MediaLoader;
    /// # use media_storage::InMemoryStorage;
    /// # fn run(loader: &MediaLoader) {
    /// let with_drafts = loader.with_storage(Arc::new(InMemoryStorage::new()));
    /// # }
    /// ```
    #[must_use]
    pub fn with_storage(&self, storage: Arc<dyn MediaStorage>) -> Self {
        let mut loader = self.clone();
        loader.more.add(storage);
        loader
    }

    /// The store of a reference.
    pub(crate) fn store_of(
        &self,
        reference: &StorageReference,
    ) -> Result<&Arc<dyn MediaStorage>, LoadError> {
        let more = self.more.find(reference);
        more.or_else(|_| self.shared.registry.find(reference))
    }

    /// Largest media in bytes that this loader gives, by its set-up and its options.
    pub fn max_bytes(&self) -> u64 {
        let asked = self.options.max_bytes().unwrap_or(u64::MAX);
        self.shared.max_bytes.min(asked)
    }

    /// How long fetching one URL may take in all.
    pub fn http_timeout(&self) -> Duration {
        self.shared.http_timeout
    }

    /// Opens media: type, size, and the bytes as a body to be read.
    ///
    /// # Errors
    /// Every [`LoadErrorKind`]. Errors that come while the body is read are the body's.
    pub async fn open(&self, content: &MediaContent) -> Result<LoadedMedia, LoadError> {
        match content.source() {
            MediaSource::Inline(bytes) => self.open_inline(content.mime(), bytes),
            MediaSource::Stored(reference) => self.open_stored(content.mime(), reference).await,
            MediaSource::File(path) => self.open_file(content.mime(), path).await,
            MediaSource::Url(url) => self.open_url(content.mime(), url).await,
            MediaSource::ProviderFile(file) => {
                Err(LoadError::new(LoadErrorKind::ProviderManaged).with_what(file.id()))
            }
            _ => Err(LoadError::new(LoadErrorKind::Unsupported)),
        }
    }

    /// Reads media into memory, verified.
    ///
    /// # Errors
    /// Every [`LoadErrorKind`].
    pub async fn bytes(&self, content: &MediaContent) -> Result<Bytes, LoadError> {
        let media = self.open(content).await?;
        let limit = self.max_bytes();
        let read = media.body.bytes(limit).await;
        read.map_err(|error| body_error(content.source(), error, limit))
    }

    /// Reads media as base64 text, verified. The bytes are encoded as they arrive; the text is the
    /// only copy in memory.
    ///
    /// # Errors
    /// Every [`LoadErrorKind`].
    pub async fn base64(&self, content: &MediaContent) -> Result<String, LoadError> {
        let text = self.base64_stream(content).await?;
        text.append_to("").await
    }

    /// Reads media as a `data:` URI, verified.
    ///
    /// # Errors
    /// Every [`LoadErrorKind`].
    pub async fn data_uri(&self, content: &MediaContent) -> Result<String, LoadError> {
        let text = self.base64_stream(content).await?;
        let start = format!("data:{};base64,", text.mime());
        text.append_to(&start).await
    }

    /// Opens media as base64 text that is encoded while it is read, its length known in advance:
    /// for splicing media into request bodies in constant memory.
    ///
    /// # Errors
    /// Every [`LoadErrorKind`]. Errors that come while the text is read are items of the stream.
    pub async fn base64_stream(&self, content: &MediaContent) -> Result<Base64Text, LoadError> {
        let media = self.open(content).await?;
        let source = content.source().clone();
        let limit = self.max_bytes();
        let (size, body) = match media.size {
            Some(size) => (size, media.body),
            // A length must be told before the first byte; without one the media is held.
            None => {
                let bytes = media.body.bytes(limit).await;
                let bytes = bytes.map_err(|error| body_error(&source, error, limit))?;
                (bytes.len() as u64, MediaBody::from_bytes(bytes))
            }
        };
        // The closure must not hold inline bytes longer than their stream does.
        let source = match source {
            MediaSource::Inline(_) => MediaSource::Inline(Bytes::new()),
            other => other,
        };
        let on_error = Box::new(move |error| body_error(&source, error, limit));
        Ok(Base64Text::new(
            media.mime,
            size,
            body.into_stream(),
            on_error,
        ))
    }

    /// A URL under which others can fetch stored media for a while, where its store signs URLs;
    /// `None` where it does not, and for content that is not in a store. A scope expected of loads
    /// is expected here too.
    ///
    /// # Errors
    /// `NoStorage`, `UnknownBackend`, `Storage`.
    pub async fn url(
        &self,
        content: &MediaContent,
        options: SignedUrlOptions,
    ) -> Result<Option<SignedUrl>, LoadError> {
        let Some(reference) = content.reference() else {
            return Ok(None);
        };
        let store = self.store_of(reference)?;
        let Some(signer) = store.url_signer() else {
            return Ok(None);
        };
        let options = match (options.expected_scope(), self.options.expected_scope()) {
            (None, Some(scope)) => options.with_expected_scope(scope.clone()),
            _ => options,
        };
        let signed = signer.signed_url(reference, options).await;
        signed
            .map(Some)
            .map_err(|error| stored_error(reference, error))
    }

    fn open_inline(&self, declared: &Mime, bytes: &Bytes) -> Result<LoadedMedia, LoadError> {
        let size = bytes.len() as u64;
        self.check_size(size)?;
        Ok(LoadedMedia {
            mime: self.shared.mime.decide(declared, bytes)?,
            size: Some(size),
            sha256: None,
            body: MediaBody::from_bytes(bytes.clone()),
        })
    }

    async fn open_file(&self, declared: &Mime, path: &Path) -> Result<LoadedMedia, LoadError> {
        let file = self.shared.files.open(path).await?;
        let size = file.size();
        self.check_size(size)
            .map_err(|error| error.with_path(path))?;
        let (head, body) = body::peek(file.into_body())
            .await
            .map_err(|error| file_error(path, error))?;
        let mime = self.shared.mime.decide(declared, &head);
        Ok(LoadedMedia {
            mime: mime.map_err(|error| error.with_path(path))?,
            size: Some(size),
            sha256: None,
            body,
        })
    }

    pub(crate) fn check_size(&self, size: u64) -> Result<(), LoadError> {
        let limit = self.max_bytes();
        if size > limit {
            return Err(LoadError::new(LoadErrorKind::TooLarge {
                limit,
                size: Some(size),
            }));
        }
        Ok(())
    }
}

pub(crate) fn file_error(path: &Path, error: StorageError) -> LoadError {
    LoadError::new(LoadErrorKind::File)
        .with_path(path)
        .with_source(error)
}

/// What an error in a body means, by where the body came from.
fn body_error(source: &MediaSource, error: StorageError, limit: u64) -> LoadError {
    match source {
        MediaSource::Stored(reference) => body_error_of_stored(reference, error, limit),
        MediaSource::File(path) => file_error(path, error),
        #[cfg(feature = "http")]
        MediaSource::Url(url) => crate::fetch::body_error(url, error, limit),
        _ => LoadError::new(LoadErrorKind::Unsupported).with_source(error),
    }
}
