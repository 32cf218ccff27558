//! Objects by key, over HTTP. Stands for the client library of whatever service a backend is written for.

use std::ops::Range;

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt as _};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, header};

/// A bucket at an address.
#[derive(Clone, Debug)]
pub struct Bucket {
    http: Client,
    url: String,
}

impl Bucket {
    /// The bucket behind this URL; objects lie at `<url>/<key>`.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(url: &str) -> Result<Self, reqwest::Error> {
        let http = Client::builder().no_proxy().build()?;
        Ok(Self {
            http,
            url: url.trim_end_matches('/').to_owned(),
        })
    }

    /// Writes an object, whole or not at all.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn put(&self, key: &str, kind: &str, bytes: Bytes) -> Result<(), reqwest::Error> {
        let request = self
            .request(Method::PUT, key)
            .header(header::CONTENT_TYPE, kind);
        request.body(bytes).send().await?.error_for_status()?;
        Ok(())
    }

    /// The bytes of an object as they arrive, or of a part of it; `None` when there is no such object.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses; later, as an item, when the connection breaks.
    pub async fn get(
        &self,
        key: &str,
        range: Option<Range<u64>>,
    ) -> Result<
        Option<impl Stream<Item = Result<Bytes, reqwest::Error>> + Send + use<>>,
        reqwest::Error,
    > {
        let mut request = self.request(Method::GET, key);
        if let Some(range) = range {
            request = request.header(
                header::RANGE,
                format!("bytes={}-{}", range.start, range.end.saturating_sub(1)),
            );
        }
        let response = found(request).await?;
        Ok(response.map(|response| response.bytes_stream().map_err(reqwest::Error::without_url)))
    }

    /// Whether there is such an object.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn exists(&self, key: &str) -> Result<bool, reqwest::Error> {
        Ok(found(self.request(Method::HEAD, key)).await?.is_some())
    }

    /// Removes an object; one that is gone already is no error.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn delete(&self, key: &str) -> Result<(), reqwest::Error> {
        found(self.request(Method::DELETE, key)).await?;
        Ok(())
    }

    fn request(&self, method: Method, key: &str) -> RequestBuilder {
        // Ids are written with percent signs where they need it; the URL must not decode them again.
        self.http
            .request(method, format!("{}/{}", self.url, key.replace('%', "%25")))
    }
}

async fn found(request: RequestBuilder) -> Result<Option<Response>, reqwest::Error> {
    let response = request.send().await?;
    if response.status() == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    response.error_for_status().map(Some)
}
