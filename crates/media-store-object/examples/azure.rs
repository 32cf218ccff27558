//! Azure Blob Storage.
//!
//! ```text
//! cargo run -p media-store-object --example azure
//! MEDIA_AZURE_URL=az://container/prefix AZURE_STORAGE_ACCOUNT_NAME=... AZURE_STORAGE_ACCOUNT_KEY=... \
//!     cargo run -p media-store-object --example azure
//! ```
//!
//! Without `MEDIA_AZURE_URL` it starts Azurite, which `scripts/install-servers.sh` installs. What it
//! writes it removes.

mod tour;

use std::error::Error;

use media_store_object::ObjectMediaStore;
use test_servers::azurite::Azurite;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let builder = ObjectMediaStore::builder();
    if let Ok(url) = std::env::var("MEDIA_AZURE_URL") {
        println!("container       {url}");
        return tour::show(builder.with_url(url).with_env()).await;
    }
    let server = Azurite::start().await?;
    println!("container       of Azurite on this machine; set MEDIA_AZURE_URL for another");
    let builder = builder
        .with_url(format!("az://{}/example", server.container()))
        .with_option("endpoint", server.endpoint())
        .with_option("account_name", server.account())
        .with_option("access_key", server.access_key())
        .with_option("allow_http", "true");
    tour::show(builder).await
}
