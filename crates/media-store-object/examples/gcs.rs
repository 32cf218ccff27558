//! Google Cloud Storage.
//!
//! ```text
//! cargo run -p media-store-object --example gcs
//! MEDIA_GCS_URL=gs://bucket/prefix GOOGLE_SERVICE_ACCOUNT=/path/to/key.json \
//!     cargo run -p media-store-object --example gcs
//! ```
//!
//! Without `MEDIA_GCS_URL` it starts a server of its own, which is our reading of the service's
//! documentation. What it writes it removes.

mod tour;

use std::error::Error;

use media_store_object::ObjectMediaStore;
use test_servers::gcs::GcsServer;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let builder = ObjectMediaStore::builder();
    if let Ok(url) = std::env::var("MEDIA_GCS_URL") {
        println!("bucket          {url}");
        return tour::show(builder.with_url(url).with_env()).await;
    }
    let directory = tempfile::tempdir()?;
    let server = GcsServer::start(directory.path()).await?;
    println!("bucket          of a server in this process; set MEDIA_GCS_URL for another");
    let builder = builder
        .with_url(format!("gs://{}/example", server.bucket()))
        .with_option("service_account_key", server.service_account())
        .with_option("allow_http", "true");
    tour::show(builder).await
}
