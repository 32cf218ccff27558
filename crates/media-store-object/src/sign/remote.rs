//! URLs that the cloud signs, because it keeps the key: Google's workload identities.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use media_storage::{Operation, SignedUrl, StorageError, StorageErrorKind};
use media_types::MediaUrl;
use object_store::path::Path;
use object_store::signer::{Method, SignedUrlOptions, Signer};

use super::error::sign_error;
use super::gcs::put_headers;
use super::signer::{ObjectSigner, PutRequest, SignedPut, SigningRequest};
use super::window::Window;
use crate::error::{Verb, from_object_store};

/// Maximum validity of signatures by keys that Google manages.
const MAX_VALIDITY: Duration = Duration::from_secs(12 * 3600);

/// Maximum number of URLs that are remembered, in a few MB.
const MAX_REMEMBERED: usize = 2048;

/// Signs URLs through `object_store`, and remembers them for their window. URLs are equal within one
/// process only.
pub(crate) struct RemoteSigner {
    signer: Arc<dyn Signer>,
    remembered: Mutex<HashMap<Wanted, SignedUrl>>,
}

/// What identifies a URL.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Wanted {
    object: Path,
    content_type: String,
    content_disposition: String,
    window: Window,
}

impl RemoteSigner {
    pub(crate) fn new(signer: Arc<dyn Signer>) -> Self {
        Self {
            signer,
            remembered: Mutex::default(),
        }
    }

    fn recall(&self, wanted: &Wanted) -> Option<SignedUrl> {
        let remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        remembered.get(wanted).cloned()
    }

    /// Remembers a URL, and returns the one that was remembered first.
    fn remember(
        &self,
        wanted: Wanted,
        url: SignedUrl,
        now: chrono::DateTime<chrono::Utc>,
    ) -> SignedUrl {
        let mut remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MAX_REMEMBERED {
            remembered.retain(|_, url| url.expires_at() > now);
        }
        if remembered.len() >= MAX_REMEMBERED {
            // URLs of past windows are not requested again.
            remembered.retain(|other, _| other.window.start >= wanted.window.start);
        }
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        remembered.entry(wanted).or_insert(url).clone()
    }
}

#[async_trait]
impl ObjectSigner for RemoteSigner {
    async fn sign(
        &self,
        object: &Path,
        request: &SigningRequest,
    ) -> Result<SignedUrl, StorageError> {
        let window = Window::of(request, Some(MAX_VALIDITY), None)?;
        let wanted = Wanted {
            object: object.clone(),
            content_type: request.content_type.clone(),
            content_disposition: request.content_disposition.clone(),
            window,
        };
        if let Some(url) = self.recall(&wanted) {
            return Ok(url);
        }
        let cache_control = window.cache_control(request);
        let options = SignedUrlOptions::new().with_query([
            ("response-cache-control", cache_control.as_str()),
            (
                "response-content-disposition",
                request.content_disposition.as_str(),
            ),
            ("response-content-type", request.content_type.as_str()),
        ]);
        // Signed as of now, until the end of the window.
        let left = (window.expires - request.now).to_std().unwrap_or_default();
        let left = Duration::from_secs(left.as_secs().max(1));
        let signed = self
            .signer
            .signed_url_opts(Method::GET, object, left, &options)
            .await;
        let signed =
            signed.map_err(|error| from_object_store(error, Operation::Sign, Verb::Read))?;
        let url = SignedUrl::new(MediaUrl::new(signed.as_str())?, window.expires);
        Ok(self.remember(wanted, url, request.now))
    }

    async fn sign_put(
        &self,
        object: &Path,
        request: &PutRequest,
    ) -> Result<SignedPut, StorageError> {
        let validity = request.validity.min(MAX_VALIDITY);
        let headers = put_headers(request);
        let mut options = SignedUrlOptions::new();
        for (name, value) in &headers {
            let value = value.parse().map_err(|_| {
                sign_error(StorageErrorKind::InvalidInput, "the type is not a header")
            })?;
            options.signed_headers.insert(*name, value);
        }
        let signed = self
            .signer
            .signed_url_opts(Method::PUT, object, validity, &options)
            .await;
        let signed =
            signed.map_err(|error| from_object_store(error, Operation::Sign, Verb::Read))?;
        let expires = chrono::TimeDelta::from_std(validity).unwrap_or_default();
        let url = SignedUrl::new(MediaUrl::new(signed.as_str())?, request.now + expires);
        Ok(SignedPut { url, headers })
    }
}

impl fmt::Debug for RemoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSigner").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use object_store::signer::Url;

    use super::*;

    /// Returns a new URL each time, with a counter in it.
    #[derive(Debug, Default)]
    struct Counting(AtomicU64);

    #[async_trait]
    impl Signer for Counting {
        async fn signed_url(
            &self,
            _: Method,
            path: &Path,
            _: Duration,
        ) -> object_store::Result<Url> {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Url::parse(&format!("https://signed.example/{path}?n={number}")).unwrap())
        }

        async fn signed_url_opts(
            &self,
            method: Method,
            path: &Path,
            expires_in: Duration,
            options: &SignedUrlOptions,
        ) -> object_store::Result<Url> {
            assert_eq!(options.extra_query.len(), 3);
            self.signed_url(method, path, expires_in).await
        }
    }

    fn at(seconds: i64, content_type: &str) -> SigningRequest {
        SigningRequest {
            now: chrono::DateTime::from_timestamp(1_770_000_000 + seconds, 0).unwrap(),
            validity: Duration::from_secs(600),
            not_after: None,
            content_type: content_type.to_owned(),
            content_disposition: "inline".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_url_is_signed_once_in_a_window() {
        let signer = RemoteSigner::new(Arc::new(Counting::default()));
        let object = Path::parse("a.png").unwrap();
        let first = signer.sign(&object, &at(0, "image/png")).await.unwrap();
        let again = signer.sign(&object, &at(299, "image/png")).await.unwrap();
        assert_eq!(first.url(), again.url());
        assert_eq!(first.expires_at(), again.expires_at());
        let other = signer.sign(&object, &at(299, "text/html")).await.unwrap();
        assert_ne!(first.url(), other.url());
        let later = signer.sign(&object, &at(300, "image/png")).await.unwrap();
        assert_ne!(first.url(), later.url());
        let shown = format!("{signer:?}");
        assert!(!shown.contains("signed.example"), "{shown}");
    }

    #[tokio::test]
    async fn memory_is_bounded() {
        let signer = RemoteSigner::new(Arc::new(Counting::default()));
        for number in 0..MAX_REMEMBERED + 100 {
            let object = Path::parse(format!("{number}.png")).unwrap();
            signer.sign(&object, &at(0, "image/png")).await.unwrap();
        }
        let remembered = signer.remembered.lock().unwrap().len();
        assert!(
            remembered <= MAX_REMEMBERED && remembered > 0,
            "{remembered}"
        );
    }
}
