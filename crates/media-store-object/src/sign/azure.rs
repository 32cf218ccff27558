//! URLs of Azure Blob Storage: shared access signatures of one blob, by the key of the account or by
//! a user delegation key.

use std::fmt;

use async_trait::async_trait;
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use media_storage::{SignedUrl, StorageError};
use media_types::MediaUrl;
use object_store::ClientOptions;
use object_store::azure::AzureCredentialProvider;
use object_store::path::Path;
use secrecy::{ExposeSecret as _, SecretSlice};

use super::delegation::{DelegationKey, DelegationKeys};
use super::signer::{ObjectSigner, PutRequest, SignedPut, SigningRequest};
use super::target::{Target, encoded};
use super::window::Window;
use crate::address::Endpoint;

/// The version of the string to sign.
const VERSION: &str = "2022-11-02";

/// A container, signed by either kind of key.
#[derive(Debug)]
struct Container {
    account: String,
    name: String,
    target: Target,
}

/// The fields of a signature in the order in which they are signed, with their names in the query.
/// Fields without a name are not in the query.
type Fields = Vec<(&'static str, String)>;

impl Container {
    /// Signs a URL for reading one blob. The URL has no start time: with a clock that is ahead, it
    /// would not be valid yet.
    fn url(
        &self,
        object: &Path,
        request: &SigningRequest,
        window: Window,
        key: &[u8],
        delegated: Option<&DelegationKey>,
    ) -> Result<SignedUrl, StorageError> {
        let response = [
            ("rscc", window.cache_control(request)),
            ("rscd", request.content_disposition.clone()),
            ("rsce", String::new()),
            ("rscl", String::new()),
            ("rsct", request.content_type.clone()),
        ];
        self.signed(object, "r", response, window, (key, delegated))
    }

    /// Signs a URL for creating one blob, which replaces none. Signatures of this service cover neither the
    /// size nor the type of what is written.
    fn put(
        &self,
        object: &Path,
        request: &PutRequest,
        window: Window,
        key: &[u8],
        delegated: Option<&DelegationKey>,
    ) -> Result<SignedPut, StorageError> {
        let response = ["rscc", "rscd", "rsce", "rscl", "rsct"].map(|name| (name, String::new()));
        let url = self.signed(object, "c", response, window, (key, delegated))?;
        let headers = vec![
            ("content-length", request.size.to_string()),
            ("content-type", request.content_type.clone()),
            ("x-ms-blob-type", "BlockBlob".to_owned()),
        ];
        Ok(SignedPut { url, headers })
    }

    fn signed(
        &self,
        object: &Path,
        permission: &str,
        response: [(&'static str, String); 5],
        window: Window,
        (key, delegated): (&[u8], Option<&DelegationKey>),
    ) -> Result<SignedUrl, StorageError> {
        let protocol = if self.target.is_https() { "https" } else { "" };
        let resource = format!("/blob/{}/{}/{object}", self.account, self.name);
        let mut fields: Fields = vec![
            ("sp", permission.to_owned()),
            ("st", String::new()),
            (
                "se",
                window.expires.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            ),
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
        ]);
        fields.extend(response);
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
        Ok(SignedUrl::new(MediaUrl::new(url)?, window.expires))
    }
}

/// Signs with the key of the storage account.
pub(crate) struct AccountKeySigner {
    container: Container,
    key: SecretSlice<u8>,
}

impl AccountKeySigner {
    pub(crate) fn new(account: String, name: String, key: SecretSlice<u8>, target: Target) -> Self {
        let container = Container {
            account,
            name,
            target,
        };
        Self { container, key }
    }
}

#[async_trait]
impl ObjectSigner for AccountKeySigner {
    async fn sign(
        &self,
        object: &Path,
        request: &SigningRequest,
    ) -> Result<SignedUrl, StorageError> {
        let window = Window::of(request, None, None)?;
        self.container
            .url(object, request, window, self.key.expose_secret(), None)
    }

    async fn sign_put(
        &self,
        object: &Path,
        request: &PutRequest,
    ) -> Result<SignedPut, StorageError> {
        let window = Window::of(&request.timing(), None, None)?;
        self.container
            .put(object, request, window, self.key.expose_secret(), None)
    }
}

impl fmt::Debug for AccountKeySigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountKeySigner")
            .field("container", &self.container)
            .finish_non_exhaustive()
    }
}

/// Signs with a user delegation key. URLs are equal as long as the key is the same: within one
/// process, for most of a day.
#[derive(Debug)]
pub(crate) struct DelegationSigner {
    container: Container,
    keys: DelegationKeys,
}

impl DelegationSigner {
    /// # Errors
    /// `Config` if the HTTP client cannot be created.
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
impl ObjectSigner for DelegationSigner {
    async fn sign(
        &self,
        object: &Path,
        request: &SigningRequest,
    ) -> Result<SignedUrl, StorageError> {
        let wanted = Window::of(request, None, None)?.expires;
        let key = self.keys.key(request.now, wanted).await?;
        // The service may issue a key for less time than requested.
        let window = Window::of(request, None, Some(key.expires))?;
        let secret = key.secret();
        self.container
            .url(object, request, window, secret, Some(&key))
    }

    async fn sign_put(
        &self,
        object: &Path,
        request: &PutRequest,
    ) -> Result<SignedPut, StorageError> {
        let timing = request.timing();
        let wanted = Window::of(&timing, None, None)?.expires;
        let key = self.keys.key(timing.now, wanted).await?;
        let window = Window::of(&timing, None, Some(key.expires))?;
        self.container
            .put(object, request, window, key.secret(), Some(&key))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use object_store::StaticCredentialProvider;
    use object_store::azure::AzureCredential;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const OUR_KEY: &str = "c2VjcmV0IG9mIHRoZSBkYXk=";

    /// Issues keys that are valid until `expiry`, and records the requests.
    async fn issuer(
        expiry: &'static str,
    ) -> (std::sync::Arc<std::sync::Mutex<Vec<String>>>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let log = std::sync::Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 8192];
                let mut filled = 0;
                while !request[..filled].ends_with(b"</KeyInfo>") {
                    filled += stream.read(&mut request[filled..]).await.unwrap();
                }
                log.lock()
                    .unwrap()
                    .push(String::from_utf8_lossy(&request[..filled]).into_owned());
                let body = format!(
                    "<UserDelegationKey><SignedOid>oid</SignedOid><SignedTid>tid</SignedTid>\
                     <SignedStart>2026-01-01T00:00:00Z</SignedStart>\
                     <SignedExpiry>{expiry}</SignedExpiry><SignedService>b</SignedService>\
                     <SignedVersion>{VERSION}</SignedVersion><Value>{OUR_KEY}</Value>\
                     </UserDelegationKey>"
                );
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (asked, format!("http://{address}"))
    }

    fn signer(url: &str) -> DelegationSigner {
        let token = AzureCredential::BearerToken("hunter2".to_owned());
        let credentials = std::sync::Arc::new(StaticCredentialProvider::new(token));
        let service = Endpoint::parse("endpoint", url).unwrap();
        let clients = ClientOptions::new().with_allow_http(true);
        let public = Endpoint::parse("endpoint", "https://acme.blob.core.windows.net").unwrap();
        let target = Target::new(&public, &["media"]);
        let (account, name) = ("acme".to_owned(), "media".to_owned());
        DelegationSigner::new(account, name, credentials, &service, &clients, target).unwrap()
    }

    fn request(now: &str, seconds: u64) -> SigningRequest {
        SigningRequest {
            now: now.parse().unwrap(),
            validity: Duration::from_secs(seconds),
            not_after: None,
            content_type: "image/png".to_owned(),
            content_disposition: "inline".to_owned(),
        }
    }

    #[tokio::test]
    async fn one_key_signs_all_urls_of_its_validity() {
        let (asked, url) = issuer("2026-01-02T00:00:00Z").await;
        let signer = signer(&url);
        let object = Path::parse("a/%41 b.png").unwrap();
        let noon = request("2026-01-01T12:00:00Z", 900);
        let signed = signer.sign(&object, &noon).await.unwrap();
        let text = signed.url().as_str();
        // Signed by hand, by the documentation of the service.
        let to_sign = "r\n\n2026-01-01T12:15:00Z\n/blob/acme/media/a/%41 b.png\noid\ntid\n\
             2026-01-01T00:00:00Z\n2026-01-02T00:00:00Z\nb\n2022-11-02\n\n\n\n\nhttps\n2022-11-02\nb\n\
             \n\nprivate, max-age=31536000, immutable\ninline\n\n\nimage/png";
        let key = BASE64_STANDARD.decode(OUR_KEY).unwrap();
        let tag = sign(&Key::new(HMAC_SHA256, &key), to_sign.as_bytes());
        let wanted = format!("&sig={}", encoded(&BASE64_STANDARD.encode(tag)));
        assert!(text.ends_with(&wanted), "{text}");
        assert!(text.contains("&skoid=oid&sktid=tid&skt=") && text.contains("/a/%2541%20b.png?"));
        assert_eq!(
            signer.sign(&object, &noon).await.unwrap().url(),
            signed.url()
        );
        {
            let asked = asked.lock().unwrap();
            assert_eq!(asked.len(), 1);
            assert!(asked[0].starts_with("POST /?restype=service&comp=userdelegationkey "));
            assert!(asked[0].contains("authorization: Bearer hunter2"));
            assert!(
                asked[0].contains("<Expiry>2026-01-02T12:00:00Z</Expiry>"),
                "{}",
                asked[0]
            );
        }
        // The key expires before the URL would, and the service issues no later one.
        let late = request("2026-01-01T23:55:00Z", 900);
        let signed = signer.sign(&object, &late).await.unwrap();
        assert_eq!(
            signed.expires_at().to_rfc3339(),
            "2026-01-02T00:00:00+00:00"
        );
        assert_eq!(asked.lock().unwrap().len(), 2);
        let shown = format!("{signer:?}");
        assert!(
            !shown.contains("hunter2") && !shown.contains(OUR_KEY),
            "{shown}"
        );
    }
}
