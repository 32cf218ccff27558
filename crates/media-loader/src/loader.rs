//! Loading media.

use std::path::Path;

use bytes::Bytes;
use media_storage::{MediaBody, SignedUrl, SignedUrlOptions};
use media_types::{MediaContent, MediaSource, Mime};

use crate::body;
use crate::error::{LoadError, LoadErrorKind};
use crate::failure::{body_error, file_error, stored_error};
use crate::handle::MediaLoader;
use crate::media::LoadedMedia;
use crate::text::Base64Text;

impl MediaLoader {
    /// Opens media: returns type, size, and the bytes as a body.
    ///
    /// # Errors
    /// Any [`LoadErrorKind`]. Errors while the body is read are errors of the body.
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
    /// Any [`LoadErrorKind`].
    pub async fn bytes(&self, content: &MediaContent) -> Result<Bytes, LoadError> {
        let media = self.open(content).await?;
        let limit = self.max_bytes();
        let read = media.body.bytes(limit).await;
        read.map_err(|error| body_error(content.source(), error, limit))
    }

    /// Reads media as base64 text, verified. The bytes are encoded while they arrive, so the text is
    /// the only copy in memory.
    ///
    /// # Errors
    /// Any [`LoadErrorKind`].
    pub async fn base64(&self, content: &MediaContent) -> Result<String, LoadError> {
        let text = self.base64_stream(content).await?;
        text.append_to("").await
    }

    /// Reads media as a `data:` URI, verified.
    ///
    /// # Errors
    /// Any [`LoadErrorKind`].
    pub async fn data_uri(&self, content: &MediaContent) -> Result<String, LoadError> {
        let text = self.base64_stream(content).await?;
        let start = format!("data:{};base64,", text.mime());
        text.append_to(&start).await
    }

    /// Opens media as base64 text of known length that is encoded while it is read: for inserting media
    /// into request bodies in constant memory.
    ///
    /// # Errors
    /// Any [`LoadErrorKind`]. Errors while the text is read are items of the stream.
    pub async fn base64_stream(&self, content: &MediaContent) -> Result<Base64Text, LoadError> {
        let media = self.open(content).await?;
        let source = content.source().clone();
        let limit = self.max_bytes();
        let (size, body) = match media.size {
            Some(size) => (size, media.body),
            // The length is needed before the first byte; if it is unknown, the media is buffered.
            None => {
                let bytes = media.body.bytes(limit).await;
                let bytes = bytes.map_err(|error| body_error(&source, error, limit))?;
                (bytes.len() as u64, MediaBody::from_bytes(bytes))
            }
        };
        // The closure must not keep inline bytes longer than their stream does.
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

    /// Returns a URL under which others can fetch stored media for a limited time. Returns `None` if
    /// the store does not sign URLs, or the content is not in a store. The expected scope of loads
    /// applies here too.
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
            mime: self.shared.mime.resolve_bytes(declared, bytes)?,
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
        let mime = self.shared.mime.resolve_bytes(declared, &head);
        Ok(LoadedMedia {
            mime: mime.map_err(|error| error.with_path(path))?,
            size: Some(size),
            sha256: None,
            body,
        })
    }
}
