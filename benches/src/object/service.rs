//! Servers of the three clouds, each behind a proxy that counts.

use std::path::Path;
use std::time::Duration;

use media_store_object::{ObjectMediaStore, ObjectMediaStoreBuilder};
use test_servers::azurite::{self, Azurite};
use test_servers::gcs::GcsServer;
use test_servers::proxy::{Exchange, FaultProxy};
use test_servers::s3::S3Server;

use crate::Result;

enum Server {
    S3(S3Server),
    Azure(Azurite),
    Gcs(GcsServer),
}

/// A server, and the proxy that all requests go through.
pub(super) struct Service {
    pub(super) name: &'static str,
    server: Server,
    proxy: FaultProxy,
}

impl Service {
    /// Starts one of each.
    pub(super) async fn all(dir: &Path) -> Result<[Self; 3]> {
        let s3 = S3Server::start(dir.join("s3")).await?;
        let azure = Azurite::start().await?;
        let gcs = GcsServer::start(dir.join("gcs")).await?;
        let addresses = [s3.address(), azure.address(), gcs.address()];
        let [to_s3, to_azure, to_gcs] = addresses.map(FaultProxy::start);
        let service = |name, server, proxy| Self {
            name,
            server,
            proxy,
        };
        Ok([
            service("S3", Server::S3(s3), to_s3.await?),
            service("Azure", Server::Azure(azure), to_azure.await?),
            service("GCS", Server::Gcs(gcs), to_gcs.await?),
        ])
    }

    /// A store at a prefix, reached through the proxy.
    pub(super) fn builder(&self, prefix: &str) -> ObjectMediaStoreBuilder {
        let builder = ObjectMediaStore::builder();
        let builder = match &self.server {
            Server::S3(server) => builder
                .with_url(format!("s3://{}/{prefix}", server.bucket()))
                .with_option("endpoint", self.proxy.endpoint())
                .with_option("access_key_id", server.access_key())
                .with_option("secret_access_key", server.secret_key()),
            Server::Azure(server) => builder
                .with_url(format!("az://{}/{prefix}", server.container()))
                .with_option("endpoint", azurite::endpoint_at(self.proxy.address()))
                .with_option("account", server.account())
                .with_option("access_key", server.access_key()),
            Server::Gcs(server) => builder
                .with_url(format!("gs://{}/{prefix}", server.bucket()))
                .with_option(
                    "service_account_key",
                    server.service_account_at(&self.proxy.endpoint()),
                ),
        };
        builder.with_option("allow_http", "true")
    }

    /// What went over the wire since the last call.
    pub(super) async fn exchanges(&self) -> Result<Vec<Exchange>> {
        if !self.proxy.idle(Duration::from_secs(30)).await {
            return Err("requests are still under way".into());
        }
        let exchanges = self.proxy.exchanges();
        self.proxy.clear();
        Ok(exchanges)
    }
}
