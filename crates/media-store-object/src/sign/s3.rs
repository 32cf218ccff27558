//! URLs of S3 and compatible services: `AWS4-HMAC-SHA256` in the query.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::hmac::{HMAC_SHA256, Key, Tag, sign};
use chrono::{DateTime, Utc};
use media_storage::{Operation, SignedUrl, StorageError};
use media_types::MediaUrl;
use object_store::aws::{AwsCredential, AwsCredentialProvider};
use object_store::path::Path;

use super::signer::{ObjectSigner, PutRequest, SignedPut, SigningRequest};
use super::target::Target;
use super::v4::{Dialect, Place, Unsigned};
use super::window::Window;
use crate::error::{Verb, from_object_store};

/// Certain validity of temporary credentials: `object_store` renews them when they have five minutes
/// left, and does not tell when they expire.
const TEMPORARY: Duration = Duration::from_secs(300);

/// Signs with the credentials of the store.
pub(crate) struct S3Signer {
    credentials: AwsCredentialProvider,
    target: Target,
    region: String,
    expiration: Option<DateTime<Utc>>,
}

impl S3Signer {
    /// Creates a signer. `expiration` is the end of a temporary credential by RFC 3339, if known.
    pub(crate) fn new(
        credentials: AwsCredentialProvider,
        target: Target,
        region: String,
        expiration: Option<&str>,
    ) -> Self {
        let expiration = expiration.and_then(|text| DateTime::parse_from_rfc3339(text).ok());
        Self {
            credentials,
            target,
            region,
            expiration: expiration.map(|time| time.to_utc()),
        }
    }

    fn window(
        &self,
        credential: &AwsCredential,
        request: &SigningRequest,
    ) -> Result<Window, StorageError> {
        match (&credential.token, self.expiration) {
            (None, _) => Window::of(request, None, None),
            (Some(_), Some(end)) => Window::of(request, None, Some(end)),
            (Some(_), None) => Window::of(request, Some(TEMPORARY), None),
        }
    }

    async fn credential(&self) -> Result<Arc<AwsCredential>, StorageError> {
        let credential = self.credentials.get_credential().await;
        credential.map_err(|error| from_object_store(error, Operation::Sign, Verb::Read))
    }

    fn dialect(&self) -> Dialect {
        Dialect {
            algorithm: "AWS4-HMAC-SHA256",
            prefix: "X-Amz-",
            scope: format!("{}/s3/aws4_request", self.region),
        }
    }

    fn signed(
        &self,
        unsigned: &Unsigned,
        credential: &AwsCredential,
        window: Window,
    ) -> Result<SignedUrl, StorageError> {
        let day = window.start.format("%Y%m%d").to_string();
        let key = signing_key(&credential.secret_key, &day, &self.region);
        let signature = sign(
            &Key::new(HMAC_SHA256, key.as_ref()),
            unsigned.to_sign.as_bytes(),
        );
        let url = MediaUrl::new(unsigned.url(&self.target, signature.as_ref()))?;
        Ok(SignedUrl::new(url, window.expires))
    }
}

/// Returns the parameter of temporary credentials.
fn session(credential: &AwsCredential) -> Vec<(&str, &str)> {
    let token = credential.token.as_deref();
    token
        .map(|token| ("X-Amz-Security-Token", token))
        .into_iter()
        .collect()
}

#[async_trait]
impl ObjectSigner for S3Signer {
    async fn sign(
        &self,
        object: &Path,
        request: &SigningRequest,
    ) -> Result<SignedUrl, StorageError> {
        let credential = self.credential().await?;
        let window = self.window(&credential, request)?;
        let unsigned = Unsigned::new(
            &self.dialect(),
            &self.target,
            object,
            request,
            window,
            &credential.key_id,
            &session(&credential),
        );
        self.signed(&unsigned, &credential, window)
    }

    async fn sign_put(
        &self,
        object: &Path,
        request: &PutRequest,
    ) -> Result<SignedPut, StorageError> {
        let credential = self.credential().await?;
        let window = self.window(&credential, &request.timing())?;
        let headers = vec![
            ("content-length", request.size.to_string()),
            ("content-type", request.content_type.clone()),
            ("if-none-match", "*".to_owned()),
        ];
        let place = Place {
            target: &self.target,
            object,
        };
        let unsigned = Unsigned::for_put(
            &self.dialect(),
            place,
            window,
            &credential.key_id,
            &session(&credential),
            &headers,
        );
        let url = self.signed(&unsigned, &credential, window)?;
        Ok(SignedPut { url, headers })
    }
}

/// Derives the key of a day and region.
fn signing_key(secret: &str, day: &str, region: &str) -> Tag {
    let first = Key::new(HMAC_SHA256, format!("AWS4{secret}").as_bytes());
    let mut tag = sign(&first, day.as_bytes());
    for part in [region, "s3", "aws4_request"] {
        tag = sign(&Key::new(HMAC_SHA256, tag.as_ref()), part.as_bytes());
    }
    tag
}

impl fmt::Debug for S3Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Signer")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}
