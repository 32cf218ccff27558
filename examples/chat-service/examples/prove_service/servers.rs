//! Database, bucket, and the proxies in front of them.

use std::path::{Path, PathBuf};

use test_servers::s3::{REGION, S3Server};

use crate::Failure;
use crate::database::postgres::Postgres;
use crate::database::redis::Redis;
use crate::database::tcp::TcpProxy;
use crate::plan::Kind;

/// A database that can be ended and started again.
#[derive(Debug)]
pub(crate) enum Database {
    Postgres(Postgres),
    Redis(Redis),
}

impl Database {
    async fn start(kind: Kind) -> Self {
        match kind {
            Kind::Postgres => Self::Postgres(Postgres::start().await),
            Kind::Redis => Self::Redis(Redis::start().await),
        }
    }

    /// Ends the server at once, as a crash does.
    pub(crate) fn stop(&mut self) {
        match self {
            Self::Postgres(server) => server.stop(),
            Self::Redis(server) => server.stop(),
        }
    }

    pub(crate) async fn restart(&mut self) {
        match self {
            Self::Postgres(server) => server.restart().await,
            Self::Redis(server) => server.restart().await,
        }
    }

    /// Returns the URL, past the proxy.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Postgres(server) => server.url(),
            Self::Redis(server) => server.url(),
        }
    }

    async fn proxy(&self) -> (TcpProxy, String) {
        match self {
            Self::Postgres(server) => {
                let proxy = TcpProxy::start(server.address()).await;
                let url = server.url_at(proxy.address());
                (proxy, url)
            }
            Self::Redis(server) => {
                let proxy = TcpProxy::start(server.address()).await;
                let url = server.url_at(proxy.address());
                (proxy, url)
            }
        }
    }
}

/// What holds the media.
#[derive(Debug)]
pub(crate) enum Media {
    Bucket { server: S3Server, proxy: TcpProxy },
    Directory(PathBuf),
}

/// All that the nodes share.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) database: tokio::sync::Mutex<Database>,
    pub(crate) proxy: TcpProxy,
    pub(crate) media: Media,
    /// The environment variables that the nodes get.
    environment: Vec<(&'static str, String)>,
}

impl Servers {
    /// Starts them. Whatever they keep is in a directory.
    pub(crate) async fn start(kind: Kind, directory: &Path) -> Result<Self, Failure> {
        let database = Database::start(kind).await;
        let (proxy, url) = database.proxy().await;
        let data = directory.join("data");
        let mut environment = vec![
            ("DATABASE_URL", url),
            ("DATA", data.display().to_string()),
            (
                "LINK_SECRET",
                "a secret of the proof with thirty-two bytes".to_owned(),
            ),
        ];
        let media = match kind {
            Kind::Redis => Media::Directory(data.join("media")),
            Kind::Postgres => {
                let server = S3Server::start(directory.join("bucket")).await?;
                let proxy = TcpProxy::start(server.address()).await;
                environment.extend([
                    ("MEDIA_BUCKET", format!("s3://{}/{PREFIX}", server.bucket())),
                    ("AWS_ENDPOINT_URL", format!("http://{}", proxy.address())),
                    ("AWS_ALLOW_HTTP", "true".to_owned()),
                    ("AWS_REGION", REGION.to_owned()),
                    ("AWS_ACCESS_KEY_ID", server.access_key().to_owned()),
                    ("AWS_SECRET_ACCESS_KEY", server.secret_key().to_owned()),
                ]);
                Media::Bucket { server, proxy }
            }
        };
        Ok(Self {
            database: tokio::sync::Mutex::new(database),
            proxy,
            media,
            environment,
        })
    }

    /// Returns the environment of a node.
    pub(crate) fn environment(&self) -> &[(&'static str, String)] {
        &self.environment
    }
}

/// Where the store is in the bucket.
pub(crate) const PREFIX: &str = "chat";
