//! URLs of Azure Blob Storage: shared access signatures of one blob, with an account's key or with
//! one that an identity may use for a while (user delegation).

use std::fmt;

use async_trait::async_trait;
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use media_storage::{SignedUrl, StorageError};
use media_types::MediaUrl;
use object_store::ClientOptions;
use object_store::azure::AzureCredentialProvider;
use object_store::path::Path;

use super::delegation::{DelegationKey, DelegationKeys};
use super::target::{Target, encoded};
use super::window::Window;
use crate::connect::Endpoint;
use crate::connection::{Signing, SigningRequest};

/// The version whose form of the text to sign is used.
const VERSION: &str = "2022-11-02";

/// What both kinds have in common.
#[derive(Debug)]
struct Container {
    account: String,
    name: String,
    target: Target,
}

/// The parts of a signature, in the order in which they are signed, with their names in the query.
/// Those without a name are signed only.
type Fields = Vec<(&'static str, String)>;

impl Container {
    /// Signs the reading of one blob. No beginning is given: a clock that is ahead would make it a
    /// URL that does not work yet.
    fn url(
        &self,
        object: &Path,
        request: &SigningRequest,
        expires: DateTime<Utc>,
        key: &[u8],
        delegated: Option<&DelegationKey>,
    ) -> Result<SignedUrl, StorageError> {
        let protocol = if self.target.is_https() { "https" } else { "" };
        let resource = format!("/blob/{}/{}/{object}", self.account, self.name);
        let mut fields: Fields = vec![
            ("sp", "r".to_owned()),
            ("st", String::new()),
            ("se", expires.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
            ("", resource),
        ];
        match delegated {
            Some(key) => fields.extend(key.fields()),
            None => fields.push(("si", String::new())),
        }
        fields.extend([
            ("sip", String::new()),
            ("spr", protocol.to_owned()),
            ("sv", VERSION.to_owned()),
            ("sr", "b".to_owned()),
            ("", String::new()),
            ("ses", String::new()),
            ("rscc", String::new()),
            ("rscd", request.content_disposition.clone()),
            ("rsce", String::new()),
            ("rscl", String::new()),
            ("rsct", request.content_type.clone()),
        ]);
        let values: Vec<&str> = fields.iter().map(|(_, value)| value.as_str()).collect();
        let to_sign = values.join("\n");
        let signature = sign(&Key::new(HMAC_SHA256, key), to_sign.as_bytes());
        let signature = BASE64_STANDARD.encode(signature);
        let shown = fields
            .iter()
            .filter(|(name, value)| !name.is_empty() && !value.is_empty());
        let mut query: Vec<String> = shown
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        query.push(format!("sig={}", encoded(&signature)));
        let url = self.target.url(&self.target.path(object), &query.join("&"));
        Ok(SignedUrl::new(MediaUrl::new(url)?, expires))
    }
}

/// Signs with the key of the storage account.
pub(crate) struct AccountKeySigner {
    container: Container,
    key: Vec<u8>,
}

impl AccountKeySigner {
    pub(crate) fn new(account: String, name: String, key: Vec<u8>, target: Target) -> Self {
        let container = Container {
            account,
            name,
            target,
        };
        Self { container, key }
    }
}

#[async_trait]
impl Signing for AccountKeySigner {
    async fn sign(
        &self,
        object: &Path,
        request: &SigningRequest,
    ) -> Result<SignedUrl, StorageError> {
        let window = Window::of(request, None, None)?;
        self.container
            .url(object, request, window.expires, &self.key, None)
    }
}

impl fmt::Debug for AccountKeySigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountKeySigner")
            .field("container", &self.container)
            .finish_non_exhaustive()
    }
}

/// Signs with a key that the service lends to an identity. URLs are equal as long as the key is the
/// same: within one process, for most of a day.
#[derive(Debug)]
pub(crate) struct DelegationSigner {
    container: Container,
    keys: DelegationKeys,
}

impl DelegationSigner {
    /// # Errors
    /// `Config` when the client for the service cannot be made.
    pub(crate) fn new(
        account: String,
        name: String,
        credentials: AzureCredentialProvider,
        service: &Endpoint,
        clients: &ClientOptions,
        target: Target,
    ) -> Result<Self, StorageError> {
        let container = Container {
            account,
            name,
            target,
        };
        let keys = DelegationKeys::new(credentials, service, clients)?;
        Ok(Self { container, keys })
    }
}

#[async_trait]
impl Signing for DelegationSigner {
    async fn sign(
        &self,
        object: &Path,
        request: &SigningRequest,
    ) -> Result<SignedUrl, StorageError> {
        let wanted = Window::of(request, None, None)?.expires;
        let key = self.keys.key(request.now, wanted).await?;
        // The service may lend for less than it was asked.
        let window = Window::of(request, None, Some(key.expires))?;
        let secret = key.secret();
        self.container
            .url(object, request, window.expires, secret, Some(&key))
    }
}
