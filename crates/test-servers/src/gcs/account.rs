//! The service account: a key that lives as long as the server, and checks of its signatures.

use std::fmt;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::json;

use crate::ServerError;

pub(super) const EMAIL: &str = "tests@conversation-media.iam.gserviceaccount.com";

pub(super) struct Account {
    private_key: String,
    public_key: UnparsedPublicKey<Vec<u8>>,
}

impl Account {
    pub(super) fn generate() -> Result<Self, ServerError> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| ServerError::Key)?;
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| ServerError::Key)?;
        let encoded = BASE64_STANDARD.encode(der.as_ref());
        Ok(Self {
            private_key: format!(
                "-----BEGIN PRIVATE KEY-----\n{encoded}\n-----END PRIVATE KEY-----\n"
            ),
            public_key: UnparsedPublicKey::new(
                &RSA_PKCS1_2048_8192_SHA256,
                pair.public_key().as_ref().to_vec(),
            ),
        })
    }

    pub(super) fn to_json(&self, endpoint: &str) -> String {
        json!({
            "type": "service_account",
            "client_email": EMAIL,
            "private_key_id": "test",
            "private_key": self.private_key,
            "gcs_base_url": endpoint,
        })
        .to_string()
    }

    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.public_key.verify(message, signature).is_ok()
    }

    /// Whether a bearer token was signed by the account.
    pub(super) fn has_made(&self, token: &str) -> bool {
        let Some((message, signature)) = token.rsplit_once('.') else {
            return false;
        };
        BASE64_URL_SAFE_NO_PAD
            .decode(signature)
            .is_ok_and(|signature| self.has_signed(message.as_bytes(), &signature))
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").finish_non_exhaustive()
    }
}
