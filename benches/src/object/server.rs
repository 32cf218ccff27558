//! An S3 server in a process of its own, so that neither its memory nor its threads are the store's.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use media_store_object::{ObjectMediaStore, ObjectMediaStoreBuilder};
use object_store::ClientOptions;
use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut};
use test_servers::s3::{REGION, S3Server};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::Result;

/// How to reach it.
#[derive(Clone)]
pub(super) struct Access {
    endpoint: String,
    bucket: String,
    key: String,
    secret: String,
}

impl Access {
    /// Returns it as arguments of a command line.
    pub(super) fn words(&self) -> [&str; 4] {
        [&self.endpoint, &self.bucket, &self.key, &self.secret]
    }

    /// From such words.
    pub(super) fn from_words(words: &[&str]) -> Result<Self> {
        let [endpoint, bucket, key, secret] = words else {
            return Err("endpoint, bucket, key and secret are wanted".into());
        };
        Ok(Self {
            endpoint: (*endpoint).to_owned(),
            bucket: (*bucket).to_owned(),
            key: (*key).to_owned(),
            secret: (*secret).to_owned(),
        })
    }

    /// A store at a prefix. Bodies are not signed, as they are not over TLS, its usual way.
    pub(super) fn media_store(&self, prefix: &str) -> ObjectMediaStoreBuilder {
        ObjectMediaStore::builder()
            .with_url(format!("s3://{}/{prefix}", self.bucket))
            .with_option("endpoint", &self.endpoint)
            .with_option("access_key_id", &self.key)
            .with_option("secret_access_key", &self.secret)
            .with_option("unsigned_payload", "true")
            .with_option("allow_http", "true")
    }

    /// The plain client, set up alike.
    pub(super) fn plain(&self) -> Result<AmazonS3> {
        let options = ClientOptions::new()
            .with_allow_http(true)
            .with_timeout_disabled();
        Ok(AmazonS3Builder::new()
            .with_endpoint(&self.endpoint)
            .with_region(REGION)
            .with_bucket_name(&self.bucket)
            .with_access_key_id(&self.key)
            .with_secret_access_key(&self.secret)
            .with_unsigned_payload(true)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_client_options(options)
            .build()?)
    }
}

/// The process; it ends with this value.
pub(super) struct Server {
    pub(super) access: Access,
    _process: Child,
}

impl Server {
    pub(super) async fn start(dir: &Path) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("object-server")
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let said = process.stdout.take().ok_or("no output of the server")?;
        let line = BufReader::new(said).lines().next_line().await?;
        let line = line.ok_or("the server did not start")?;
        Ok(Self {
            access: Access::from_words(&line.split(' ').collect::<Vec<_>>())?,
            _process: process,
        })
    }
}

/// What the process of its own does: serves until its standard input is closed.
///
/// # Errors
/// Where the server does not start.
pub async fn serve(dir: &Path) -> Result<()> {
    let server = S3Server::start(dir).await?;
    let access = Access {
        endpoint: server.endpoint(),
        bucket: server.bucket().to_owned(),
        key: server.access_key().to_owned(),
        secret: server.secret_key().to_owned(),
    };
    let mut out = std::io::stdout();
    writeln!(out, "{}", access.words().join(" "))?;
    out.flush()?;
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    Ok(())
}
