//! Loading media from URLs.

use media_types::{MediaUrl, Mime};

use crate::error::{LoadError, LoadErrorKind};
use crate::handle::MediaLoader;
use crate::media::LoadedMedia;

impl MediaLoader {
    pub(crate) fn check_url(&self, url: &MediaUrl) -> Result<(), LoadError> {
        if self.no_urls {
            return Err(LoadError::new(LoadErrorKind::UrlDenied).with_what(&url.to_string()));
        }
        self.check_policy(url)
    }
}

#[cfg(feature = "http")]
impl MediaLoader {
    fn check_policy(&self, url: &MediaUrl) -> Result<(), LoadError> {
        self.shared.fetcher.check(url)
    }

    pub(crate) async fn open_url(
        &self,
        declared: &Mime,
        url: &MediaUrl,
    ) -> Result<LoadedMedia, LoadError> {
        self.check_url(url)?;
        let limit = self.max_bytes();
        // Boxed, because the state of the client is large and most loads do not need it.
        let answer = Box::pin(self.shared.fetcher.fetch(url, limit)).await?;
        let failed = |error| crate::fetch::body_error(url, error, limit);
        let body = crate::body::limited(answer.body, limit).map_err(failed)?;
        let (head, body) = crate::body::peek(body).await.map_err(failed)?;
        let mime = self
            .shared
            .mime
            .resolve_served(declared, &head, answer.served);
        Ok(LoadedMedia {
            mime: mime.map_err(|error| error.with_what(&url.to_string()))?,
            size: answer.size,
            sha256: None,
            body,
        })
    }
}

#[cfg(not(feature = "http"))]
impl MediaLoader {
    fn check_policy(&self, url: &MediaUrl) -> Result<(), LoadError> {
        let kind = LoadErrorKind::UrlNotSupported;
        Err(LoadError::new(kind).with_what(&url.to_string()))
    }

    pub(crate) async fn open_url(
        &self,
        _: &Mime,
        url: &MediaUrl,
    ) -> Result<LoadedMedia, LoadError> {
        self.check_url(url)?;
        Err(LoadError::new(LoadErrorKind::Unsupported))
    }
}
