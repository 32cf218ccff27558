//! URLs of Google Cloud Storage, signed with the key of a service account: `GOOG4-RSA-SHA256`.

use std::fmt;

use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use media_storage::{SignedUrl, StorageError, StorageErrorKind};
use media_types::MediaUrl;
use object_store::path::Path;

use super::error::sign_error;
use super::signer::{ObjectSigner, PutRequest, SignedPut, SigningRequest};
use super::target::Target;
use super::v4::{Dialect, Place, Unsigned};
use super::window::Window;
use crate::error::config_error;

/// Signs with the key of a service account.
pub(crate) struct GcsSigner {
    email: String,
    key: RsaKeyPair,
    target: Target,
}

impl GcsSigner {
    /// Creates a signer with the private key of the account, in PEM.
    ///
    /// # Errors
    /// `Config` if it is not an RSA key.
    pub(crate) fn new(email: String, pem: &str, target: Target) -> Result<Self, StorageError> {
        let text: String = pem
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .collect();
        // The cause is dropped, since it would quote characters of the key.
        let der = BASE64_STANDARD.decode(text.trim()).ok();
        let key = der.and_then(|der| {
            let pkcs8 = RsaKeyPair::from_pkcs8(&der).ok();
            pkcs8.or_else(|| RsaKeyPair::from_der(&der).ok())
        });
        let key = key.ok_or_else(|| {
            config_error("the private_key of the service account is not an RSA key in PEM")
        })?;
        Ok(Self { email, key, target })
    }
}

impl GcsSigner {
    fn signed(&self, unsigned: &Unsigned, window: Window) -> Result<SignedUrl, StorageError> {
        let mut signature = vec![0; self.key.public_modulus_len()];
        // This padding is deterministic: the same text gives the same signature.
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                unsigned.to_sign.as_bytes(),
                &mut signature,
            )
            .map_err(|_| sign_error(StorageErrorKind::Other, "failed to sign with the key"))?;
        let url = MediaUrl::new(unsigned.url(&self.target, &signature))?;
        Ok(SignedUrl::new(url, window.expires))
    }
}

fn dialect() -> Dialect {
    Dialect {
        algorithm: "GOOG4-RSA-SHA256",
        prefix: "X-Goog-",
        scope: "auto/storage/goog4_request".to_owned(),
    }
}

/// Returns the headers by which the service refuses bodies of another type or size, and replaces nothing.
pub(super) fn put_headers(request: &PutRequest) -> Vec<(&'static str, String)> {
    let PutRequest {
        size, content_type, ..
    } = request;
    vec![
        ("content-type", content_type.clone()),
        ("x-goog-content-length-range", format!("{size},{size}")),
        ("x-goog-if-generation-match", "0".to_owned()),
    ]
}

#[async_trait]
impl ObjectSigner for GcsSigner {
    async fn sign(
        &self,
        object: &Path,
        request: &SigningRequest,
    ) -> Result<SignedUrl, StorageError> {
        let window = Window::of(request, None, None)?;
        let unsigned = Unsigned::new(
            &dialect(),
            &self.target,
            object,
            request,
            window,
            &self.email,
            &[],
        );
        self.signed(&unsigned, window)
    }

    async fn sign_put(
        &self,
        object: &Path,
        request: &PutRequest,
    ) -> Result<SignedPut, StorageError> {
        let window = Window::of(&request.timing(), None, None)?;
        let headers = put_headers(request);
        let place = Place {
            target: &self.target,
            object,
        };
        let unsigned = Unsigned::for_put(&dialect(), place, window, &self.email, &[], &headers);
        let url = self.signed(&unsigned, window)?;
        Ok(SignedPut { url, headers })
    }
}

impl fmt::Debug for GcsSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GcsSigner")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}
