//! User delegation keys: keys that Azure issues to an identity for signing.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::TryStreamExt as _;
use media_storage::{Operation, StorageError, StorageErrorKind};
use object_store::ClientOptions;
use object_store::azure::{AzureCredential, AzureCredentialProvider};
use object_store::client::{HttpClient, HttpConnector as _, HttpRequest, ReqwestConnector};
use object_store::signer::{HeaderValue, Method};
use secrecy::{ExposeSecret as _, SecretSlice};
use tokio::sync::Mutex;

use super::error::sign_error;
use crate::address::Endpoint;
use crate::error::{Verb, config_error, from_object_store};
use crate::xml::first_text;

const VERSION: &str = "2022-11-02";
/// Default validity of a key that is requested.
const DEFAULT_VALIDITY: TimeDelta = TimeDelta::hours(24);
/// Maximum validity of a key.
const MAX_VALIDITY: TimeDelta = TimeDelta::days(7);
/// Maximum length of a response that is read, in bytes.
const MAX_RESPONSE: usize = 64 * 1024;

/// A user delegation key.
pub(super) struct DelegationKey {
    secret: SecretSlice<u8>,
    pub(super) expires: DateTime<Utc>,
    object_id: String,
    tenant_id: String,
    start: String,
    expiry: String,
    service: String,
    version: String,
}

impl DelegationKey {
    pub(super) fn secret(&self) -> &[u8] {
        self.secret.expose_secret()
    }

    /// Returns the fields of a signature that describe the key, in the order in which they are
    /// signed.
    pub(super) fn fields(&self) -> [(&'static str, String); 9] {
        [
            ("skoid", self.object_id.clone()),
            ("sktid", self.tenant_id.clone()),
            ("skt", self.start.clone()),
            ("ske", self.expiry.clone()),
            ("sks", self.service.clone()),
            ("skv", self.version.clone()),
            ("saoid", String::new()),
            ("suoid", String::new()),
            ("scid", String::new()),
        ]
    }

    fn parse(document: &str) -> Option<Self> {
        let element = |name: &str| first_text(document, name);
        let expiry = element("SignedExpiry")?;
        Some(Self {
            secret: BASE64_STANDARD.decode(element("Value")?).ok()?.into(),
            expires: DateTime::parse_from_rfc3339(&expiry).ok()?.to_utc(),
            object_id: element("SignedOid")?,
            tenant_id: element("SignedTid")?,
            start: element("SignedStart")?,
            expiry,
            service: element("SignedService")?,
            version: element("SignedVersion")?,
        })
    }
}

/// Requests keys and keeps the newest one.
pub(super) struct DelegationKeys {
    credentials: AzureCredentialProvider,
    url: String,
    client: HttpClient,
    newest: Mutex<Option<Arc<DelegationKey>>>,
}

impl DelegationKeys {
    pub(super) fn new(
        credentials: AzureCredentialProvider,
        service: &Endpoint,
        clients: &ClientOptions,
    ) -> Result<Self, StorageError> {
        let client = ReqwestConnector::default().connect(clients);
        let client = client.map_err(|_| config_error("failed to create the HTTP client"))?;
        let path = format!("{}/?restype=service&comp=userdelegationkey", service.path);
        Ok(Self {
            credentials,
            url: format!("{}{path}", service.origin()),
            client,
            newest: Mutex::new(None),
        })
    }

    /// Returns a key that is valid until `until`, or as long as the service allows.
    pub(super) async fn key(
        &self,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Arc<DelegationKey>, StorageError> {
        // Held during the request, since concurrent callers need the same key.
        let mut newest = self.newest.lock().await;
        let needed_until = until.min(now + MAX_VALIDITY - TimeDelta::hours(1));
        if let Some(key) = newest.as_ref().filter(|key| key.expires >= needed_until) {
            return Ok(Arc::clone(key));
        }
        let expiry = (until + TimeDelta::hours(1))
            .max(now + DEFAULT_VALIDITY)
            .min(now + MAX_VALIDITY);
        let key = Arc::new(self.fetch(now, expiry).await?);
        *newest = Some(Arc::clone(&key));
        Ok(key)
    }

    async fn fetch(
        &self,
        now: DateTime<Utc>,
        expiry: DateTime<Utc>,
    ) -> Result<DelegationKey, StorageError> {
        let credential = self.credentials.get_credential().await;
        let credential =
            credential.map_err(|error| from_object_store(error, Operation::Sign, Verb::Read))?;
        let AzureCredential::BearerToken(token) = credential.as_ref() else {
            return Err(sign_error(
                StorageErrorKind::Config,
                "the credential cannot sign URLs; an account key or an identity can",
            ));
        };
        let broken = |_| {
            sign_error(
                StorageErrorKind::Config,
                "the token contains characters that are not valid in a header",
            )
        };
        let time = |time: DateTime<Utc>| time.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        // Clocks differ slightly; a key that starts in the future is refused.
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><KeyInfo><Start>{}</Start>\
             <Expiry>{}</Expiry></KeyInfo>",
            time(now - TimeDelta::minutes(5)),
            time(expiry)
        );
        let mut request = HttpRequest::new(Bytes::from(body).into());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self
            .url
            .parse()
            .map_err(|_| sign_error(StorageErrorKind::Config, "the endpoint is not a valid URL"))?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {token}")).map_err(broken)?;
        bearer.set_sensitive(true);
        let headers = request.headers_mut();
        headers.insert("authorization", bearer);
        headers.insert("x-ms-version", HeaderValue::from_static(VERSION));
        let transport = |_| {
            sign_error(
                StorageErrorKind::Unavailable,
                "failed to request a signing key",
            )
        };
        let answer = self.client.execute(request).await.map_err(transport)?;
        let status = answer.status().as_u16();
        let mut text = Vec::new();
        let mut pieces = answer.into_body().bytes_stream();
        while let Some(piece) = pieces.try_next().await.map_err(transport)? {
            if text.len() + piece.len() > MAX_RESPONSE {
                break;
            }
            text.extend_from_slice(&piece);
        }
        match status {
            200 => {}
            401 | 403 => {
                return Err(sign_error(
                    StorageErrorKind::Permission,
                    "the identity may not generate user delegation keys",
                ));
            }
            429 => {
                return Err(sign_error(
                    StorageErrorKind::RateLimited,
                    "the service takes fewer requests than were made",
                ));
            }
            500.. => {
                return Err(sign_error(
                    StorageErrorKind::Unavailable,
                    "the service is busy and issued no signing key",
                ));
            }
            _ => {
                return Err(sign_error(
                    StorageErrorKind::Other,
                    "the service issued no signing key",
                ));
            }
        }
        let key = String::from_utf8(text)
            .ok()
            .and_then(|text| DelegationKey::parse(&text));
        key.ok_or_else(|| sign_error(StorageErrorKind::Other, "failed to parse the signing key"))
    }
}

impl fmt::Debug for DelegationKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DelegationKeys").finish_non_exhaustive()
    }
}
