//! Inspecting media without its body.

use std::path::Path;

use bytes::Bytes;
use media_storage::RetrieveOptions;
use media_types::{MediaContent, MediaSource, Mime, Sha256, StorageReference};

use crate::body;
use crate::error::{LoadError, LoadErrorKind};
use crate::failure::{file_error, stored_error};
use crate::handle::MediaLoader;

/// Information about media that was not read, returned by [`MediaLoader::inspect`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MediaInfo {
    /// MIME type according to the [`MimePolicy`](crate::MimePolicy) of the loader. For stored media it
    /// follows from the declared type and the type in the store, without the bytes.
    pub mime: Mime,
    /// Size in bytes, or `None` for media at a URL.
    pub size: Option<u64>,
    /// SHA-256 of the bytes, if the store knows it.
    pub sha256: Option<Sha256>,
}

impl MediaLoader {
    /// Returns type and size of media without its body: for planning a request before anything is
    /// loaded.
    ///
    /// For stored media, the store is asked. Of a file, size and first bytes are read. A URL is only
    /// checked against the policy: its type is the declared one, and its size is unknown. The media may
    /// change or be deleted before [`open`](Self::open) is called, and its bytes may have another type
    /// then.
    ///
    /// # Errors
    /// As [`open`](Self::open), except errors while the body is read.
    pub async fn inspect(&self, content: &MediaContent) -> Result<MediaInfo, LoadError> {
        match content.source() {
            MediaSource::Inline(bytes) => self.inspect_inline(content.mime(), bytes),
            MediaSource::Stored(reference) => self.inspect_stored(content.mime(), reference).await,
            MediaSource::File(path) => self.inspect_file(content.mime(), path).await,
            MediaSource::Url(url) => {
                self.check_url(url)?;
                Ok(MediaInfo {
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

    fn inspect_inline(&self, declared: &Mime, bytes: &Bytes) -> Result<MediaInfo, LoadError> {
        let size = bytes.len() as u64;
        self.check_size(size)?;
        Ok(MediaInfo {
            mime: self.shared.mime.resolve_bytes(declared, bytes)?,
            size: Some(size),
            sha256: None,
        })
    }

    async fn inspect_stored(
        &self,
        declared: &Mime,
        reference: &StorageReference,
    ) -> Result<MediaInfo, LoadError> {
        let store = self.store_of(reference)?;
        let mut options = RetrieveOptions::new().with_head();
        if let Some(scope) = self.options.expected_scope() {
            options = options.with_expected_scope(scope.clone());
        }
        let stored = store.retrieve_opts(reference, options).await;
        let stored = stored.map_err(|error| stored_error(reference, error))?;
        let name = |error: LoadError| error.with_what(reference.id());
        self.check_size(stored.size).map_err(name)?;
        let mime = self.shared.mime.resolve(declared, stored.mime);
        Ok(MediaInfo {
            mime: mime.map_err(name)?,
            size: Some(stored.size),
            sha256: stored.sha256,
        })
    }

    async fn inspect_file(&self, declared: &Mime, path: &Path) -> Result<MediaInfo, LoadError> {
        let file = self.shared.files.open(path).await?;
        let size = file.size();
        let name = |error: LoadError| error.with_path(path);
        self.check_size(size).map_err(name)?;
        let (head, _) = body::peek(file.into_body())
            .await
            .map_err(|error| file_error(path, error))?;
        let mime = self.shared.mime.resolve_bytes(declared, &head);
        Ok(MediaInfo {
            mime: mime.map_err(name)?,
            size: Some(size),
            sha256: None,
        })
    }
}
