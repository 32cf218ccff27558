//! Keys that Azure lends to an identity, to sign for it (user delegation keys).

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
use tokio::sync::Mutex;

use super::failed;
use crate::connect::Endpoint;
use crate::error::{Verb, from_object_store};
use crate::location::misconfigured;

const VERSION: &str = "2022-11-02";
/// For how long a key is asked for where nothing longer is needed.
const USUAL: TimeDelta = TimeDelta::hours(24);
/// The service lends for no longer.
const LONGEST: TimeDelta = TimeDelta::days(7);
/// Far more than an answer has.
const MAX_ANSWER: usize = 64 * 1024;

/// One key.
pub(super) struct DelegationKey {
    secret: Vec<u8>,
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
        &self.secret
    }

    /// What a signature says about its key, in the order in which it is signed.
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

    fn parse(answer: &str) -> Option<Self> {
        let element = |name: &str| {
            let (_, rest) = answer.split_once(&format!("<{name}>"))?;
            Some(rest.split_once("</")?.0.trim().to_owned())
        };
        let expiry = element("SignedExpiry")?;
        Some(Self {
            secret: BASE64_STANDARD.decode(element("Value")?).ok()?,
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

/// Fetches keys and keeps the newest.
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
        let client = client.map_err(|_| misconfigured("the HTTP client cannot be set up"))?;
        let path = format!("{}/?restype=service&comp=userdelegationkey", service.path);
        Ok(Self {
            credentials,
            url: format!("{}{path}", service.origin()),
            client,
            newest: Mutex::new(None),
        })
    }

    /// A key that is good until `until`, or as long as the service lends.
    pub(super) async fn key(
        &self,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Arc<DelegationKey>, StorageError> {
        // Held over the request: who comes meanwhile wants the same key.
        let mut newest = self.newest.lock().await;
        let good_until = until.min(now + LONGEST - TimeDelta::hours(1));
        if let Some(key) = newest.as_ref().filter(|key| key.expires >= good_until) {
            return Ok(Arc::clone(key));
        }
        let expiry = (until + TimeDelta::hours(1))
            .max(now + USUAL)
            .min(now + LONGEST);
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
            return Err(failed(
                StorageErrorKind::Config,
                "only an account key or an identity can sign URLs",
            ));
        };
        let broken = |_| {
            failed(
                StorageErrorKind::Config,
                "the credential is not usable in a request",
            )
        };
        let time = |time: DateTime<Utc>| time.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        // Clocks differ by a little; a key that begins in the future is refused.
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
            .map_err(|_| failed(StorageErrorKind::Config, "the endpoint is not a URL"))?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {token}")).map_err(broken)?;
        bearer.set_sensitive(true);
        let headers = request.headers_mut();
        headers.insert("authorization", bearer);
        headers.insert("x-ms-version", HeaderValue::from_static(VERSION));
        let transport = |_| {
            failed(
                StorageErrorKind::Unavailable,
                "the service lends no signing key now",
            )
        };
        let answer = self.client.execute(request).await.map_err(transport)?;
        let status = answer.status().as_u16();
        let mut text = Vec::new();
        let mut pieces = answer.into_body().bytes_stream();
        while let Some(piece) = pieces.try_next().await.map_err(transport)? {
            if text.len() + piece.len() > MAX_ANSWER {
                break;
            }
            text.extend_from_slice(&piece);
        }
        match status {
            200 => {}
            401 | 403 => {
                return Err(failed(
                    StorageErrorKind::Permission,
                    "the identity may not generate user delegation keys",
                ));
            }
            429 | 500.. => {
                return Err(failed(
                    StorageErrorKind::Unavailable,
                    "the service lends no signing key now",
                ));
            }
            _ => {
                return Err(failed(
                    StorageErrorKind::Other,
                    "the service lends no signing key",
                ));
            }
        }
        let key = String::from_utf8(text)
            .ok()
            .and_then(|text| DelegationKey::parse(&text));
        key.ok_or_else(|| failed(StorageErrorKind::Other, "the signing key could not be read"))
    }
}

impl fmt::Debug for DelegationKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DelegationKeys").finish_non_exhaustive()
    }
}
