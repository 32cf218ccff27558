//! S3, or what speaks its language: MinIO, R2, Garage, Spaces.
//!
//! ```text
//! cargo run -p media-store-object --example s3
//! MEDIA_S3_URL=s3://bucket/prefix AWS_REGION=... AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=... \
//!     [AWS_ENDPOINT_URL=https://...] cargo run -p media-store-object --example s3
//! ```
//!
//! Without `MEDIA_S3_URL` it starts a server of its own. What it writes it removes.

mod tour;

use std::error::Error;

use media_store_object::ObjectMediaStore;
use test_servers::s3::S3Server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let builder = ObjectMediaStore::builder();
    if let Ok(url) = std::env::var("MEDIA_S3_URL") {
        println!("bucket          {url}");
        return tour::show(builder.with_url(url).with_env()).await;
    }
    let directory = tempfile::tempdir()?;
    let server = S3Server::start(directory.path()).await?;
    println!("bucket          of a server in this process; set MEDIA_S3_URL for another");
    let builder = builder
        .with_url(format!("s3://{}/example", server.bucket()))
        .with_option("endpoint", server.endpoint())
        .with_option("allow_http", "true")
        .with_option("access_key_id", server.access_key())
        .with_option("secret_access_key", server.secret_key());
    tour::show(builder).await
}
