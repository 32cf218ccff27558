//! What can be told of media without its body.

use std::path::Path;

use bytes::Bytes;
use media_storage::RetrieveOptions;
use media_types::{MediaContent, MediaSource, Mime, Sha256, StorageReference};

use crate::body;
use crate::error::{LoadError, LoadErrorKind};
use crate::loader::{MediaLoader, file_error};
use crate::stored::stored_error;

/// What is known of media without reading it; see [`MediaLoader::inspect`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MediaFacts {
    /// The type, by the loader's [`MimePolicy`](crate::MimePolicy). Of stored media it is settled
    /// between what the content and what the store say, without a look at the bytes.
    pub mime: Mime,
    /// Size in bytes; unknown for media at a URL.
    pub size: Option<u64>,
    /// Hash of the bytes, where the store knows it.
    pub sha256: Option<Sha256>,
}

impl MediaLoader {
    /// Type and size of media, without its body: for planning a request before anything is loaded.
    ///
    /// Stored media is asked of its store, a file is looked at and its first bytes are read, inline
    /// media is at hand. A URL is held against the URL policy, and its name is not looked up nor
    /// anything fetched: the type is the declared one and the size unknown. Media may change or go
    /// between this call and [`open`](Self::open), and its bytes may then show another type.
    ///
    /// # Errors
    /// Those of [`open`](Self::open) that come before the body is read.
    pub async fn inspect(&self, content: &MediaContent) -> Result<MediaFacts, LoadError> {
        match content.source() {
            MediaSource::Inline(bytes) => self.inspect_inline(content.mime(), bytes),
            MediaSource::Stored(reference) => self.inspect_stored(content.mime(), reference).await,
            MediaSource::File(path) => self.inspect_file(content.mime(), path).await,
            MediaSource::Url(url) => {
                self.check_url(url)?;
                Ok(MediaFacts {
                    mime: content.mime().clone(),
                    size: None,
                    sha256: None,
                })
            }
            MediaSource::ProviderFile(file) => {
                Err(LoadError::new(LoadErrorKind::ProviderManaged).with_what(file.id()))
            }
            _ => Err(LoadError::new(LoadErrorKind::Unsupported)),
        }
    }

    fn inspect_inline(&self, declared: &Mime, bytes: &Bytes) -> Result<MediaFacts, LoadError> {
        let size = bytes.len() as u64;
        self.check_size(size)?;
        Ok(MediaFacts {
            mime: self.shared.mime.decide(declared, bytes)?,
            size: Some(size),
            sha256: None,
        })
    }

    async fn inspect_stored(
        &self,
        declared: &Mime,
        reference: &StorageReference,
    ) -> Result<MediaFacts, LoadError> {
        let store = self.store_of(reference)?;
        let mut options = RetrieveOptions::new().with_head();
        if let Some(scope) = self.options.expected_scope() {
            options = options.with_expected_scope(scope.clone());
        }
        let stored = store.retrieve_opts(reference, options).await;
        let stored = stored.map_err(|error| stored_error(reference, error))?;
        let name = |error: LoadError| error.with_what(reference.id());
        self.check_size(stored.size).map_err(name)?;
        let mime = self.shared.mime.settle(declared, stored.mime);
        Ok(MediaFacts {
            mime: mime.map_err(name)?,
            size: Some(stored.size),
            sha256: stored.sha256,
        })
    }

    async fn inspect_file(&self, declared: &Mime, path: &Path) -> Result<MediaFacts, LoadError> {
        let file = self.shared.files.open(path).await?;
        let size = file.size();
        let name = |error: LoadError| error.with_path(path);
        self.check_size(size).map_err(name)?;
        let (head, _) = body::peek(file.into_body())
            .await
            .map_err(|error| file_error(path, error))?;
        let mime = self.shared.mime.decide(declared, &head);
        Ok(MediaFacts {
            mime: mime.map_err(name)?,
            size: Some(size),
            sha256: None,
        })
    }
}
