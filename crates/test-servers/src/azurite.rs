//! Azure Blob Storage by Azurite, with its well-known development account.
//!
//! Azurite checks signatures and shared access signatures, has atomic conditional puts, keeps
//! everything in memory, and does not support suffix ranges.

use std::net::SocketAddr;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use chrono::Utc;
use http::Request;
use http_body_util::Full;

use crate::child::ServerProcess;
use crate::{ServerError, http_client, tools};

const CONTAINER: &str = "media";
const ACCOUNT: &str = "devstoreaccount1";
/// The key of every installation of the emulator, from its public documentation.
const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const API_VERSION: &str = "2021-12-02";

/// A running Azurite with one empty container.
#[derive(Debug)]
pub struct Azurite {
    process: ServerProcess,
}

impl Azurite {
    /// Starts the server and creates the container.
    ///
    /// # Errors
    /// Azurite cannot be installed or started, or refuses to create the container.
    pub async fn start() -> Result<Self, ServerError> {
        let main = tools::azurite_blob().await?;
        let log = tools::log_file("azurite")?;
        let process = ServerProcess::start("Azurite", &log, |port| {
            let port = port.to_string();
            let mut line = vec!["node".into(), main.into_os_string()];
            line.extend(["--blobHost", "127.0.0.1", "--blobPort", &port].map(Into::into));
            line.extend(
                [
                    "--inMemoryPersistence",
                    "--silent",
                    "--skipApiVersionCheck",
                    "--disableTelemetry",
                ]
                .map(Into::into),
            );
            line
        })
        .await?;
        let azurite = Self { process };
        azurite.create_container(CONTAINER).await?;
        Ok(azurite)
    }

    /// Creates another container.
    ///
    /// # Errors
    /// The server refuses to create it, for example because it exists.
    pub async fn create_container(&self, name: &str) -> Result<(), ServerError> {
        let date = Utc::now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        // The account is repeated as the first segment of the path, since the emulator has no host
        // names for accounts.
        let to_sign = format!(
            "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:{API_VERSION}\n\
             /{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
        );
        let key = BASE64_STANDARD.decode(KEY).map_err(|_| ServerError::Key)?;
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), to_sign.as_bytes());
        let signature = BASE64_STANDARD.encode(tag);
        let request = Request::put(format!("/{ACCOUNT}/{name}?restype=container"))
            .header("host", self.address().to_string())
            .header("x-ms-date", date)
            .header("x-ms-version", API_VERSION)
            .header("content-length", "0")
            .header("authorization", format!("SharedKey {ACCOUNT}:{signature}"))
            .body(Full::<Bytes>::default())
            .map_err(std::io::Error::other)?;
        let status = http_client::send(self.address(), request).await?;
        if !status.is_success() {
            return Err(ServerError::Refused {
                name: "Azurite",
                status: status.as_u16(),
            });
        }
        Ok(())
    }

    /// Returns the address that the server listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.process.address()
    }

    /// Returns the URL of the account for clients (`with_endpoint`), without a trailing slash.
    #[must_use]
    pub fn endpoint(&self) -> String {
        endpoint_at(self.address())
    }

    /// Returns the name of the container.
    #[must_use]
    pub fn container(&self) -> &str {
        CONTAINER
    }

    /// Returns the name of the account.
    #[must_use]
    pub fn account(&self) -> &str {
        ACCOUNT
    }

    /// Returns the key of the account in base64.
    #[must_use]
    pub fn access_key(&self) -> &str {
        KEY
    }
}

/// Returns the URL of the account by another address, such as that of a proxy.
#[must_use]
pub fn endpoint_at(address: SocketAddr) -> String {
    format!("http://{address}/{ACCOUNT}")
}
