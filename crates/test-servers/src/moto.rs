//! S3 by moto's server, an independent implementation.
//!
//! It keeps everything in memory and checks no signatures: it accepts any key, and proves nothing
//! about signed URLs. Conditional puts are atomic, since they are made one after the other here.

use std::net::SocketAddr;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use crate::child::ServerProcess;
use crate::{ServerError, http_client, tools};

/// Moto looks at the conditions of a write and stores in two steps, between which another thread may store. Bodies
/// have been read before.
const SERVER: &str = r"
import threading
from moto import server
from moto.s3.responses import S3Response

writing = threading.RLock()

def one_at_a_time(write):
    def alone(*arguments, **named):
        with writing:
            return write(*arguments, **named)
    return alone

for name in ('_key_response_put', '_key_response_post', '_key_response_delete'):
    setattr(S3Response, name, one_at_a_time(getattr(S3Response, name)))
server.main()
";

const BUCKET: &str = "media";
const KEY: &str = "testing";

/// A running server of moto with one empty bucket.
#[derive(Debug)]
pub struct Moto {
    process: ServerProcess,
}

impl Moto {
    /// Starts the server and creates the bucket.
    ///
    /// # Errors
    /// moto cannot be installed or started, or refuses to create the bucket.
    pub async fn start() -> Result<Self, ServerError> {
        let command = tools::python_with_moto().await?;
        let log = tools::log_file("moto")?;
        let process = ServerProcess::start("moto", &log, |port| {
            let port = port.to_string();
            let mut line = vec![command.into_os_string()];
            line.extend(["-c", SERVER, "-H", "127.0.0.1", "-p", &port].map(Into::into));
            line
        })
        .await?;
        let moto = Self { process };
        moto.create_bucket(BUCKET).await?;
        Ok(moto)
    }

    /// Creates another bucket.
    ///
    /// # Errors
    /// moto refuses to create it.
    pub async fn create_bucket(&self, name: &str) -> Result<(), ServerError> {
        let request = Request::put(format!("/{name}"))
            .header("host", self.address().to_string())
            .body(Full::<Bytes>::default())
            .map_err(std::io::Error::other)?;
        let status = http_client::send(self.address(), request).await?;
        if !status.is_success() {
            return Err(ServerError::Refused {
                name: "moto",
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

    /// Returns the URL for clients, without a trailing slash.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Returns the name of the bucket.
    #[must_use]
    pub fn bucket(&self) -> &str {
        BUCKET
    }

    /// Returns an access key; moto accepts any.
    #[must_use]
    pub fn access_key(&self) -> &str {
        KEY
    }

    /// Returns a secret key; moto accepts any.
    #[must_use]
    pub fn secret_key(&self) -> &str {
        KEY
    }
}
