//! Google Cloud Storage.

use std::borrow::Cow;
use std::sync::Arc;

use media_storage::StorageError;
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use serde::Deserialize;

use super::client::{client_options, retries};

use super::client::refused;
use super::connection::Connection;
use super::options::Options;
use crate::address::{Endpoint, Location};
use crate::error::config_error;
use crate::sign::ObjectSigner;
use crate::sign::gcs::GcsSigner;
use crate::sign::remote::RemoteSigner;
use crate::sign::target::Target;

const PUBLIC_CLOUD: &str = "https://storage.googleapis.com";

/// The used part of the JSON of a service account.
#[derive(Deserialize)]
struct ServiceAccount {
    #[serde(default)]
    client_email: String,
    #[serde(default)]
    private_key: String,
    #[serde(default)]
    gcs_base_url: Option<String>,
}

pub(super) fn connect(
    location: Location,
    options: Options,
    public: Option<Endpoint>,
) -> Result<Connection, StorageError> {
    let allow_http = options.flag("allow_http");
    let account = service_account(&options)?;
    let base = options.get("base_url");
    let base = base.or_else(|| account.as_ref()?.gcs_base_url.as_deref());
    let base = base
        .map(|text| {
            Endpoint::parse("option endpoint", text)?.allowed("option endpoint", allow_http)
        })
        .transpose()?;

    let mut builder = GoogleCloudStorageBuilder::new()
        .with_client_options(client_options(&options))
        .with_retry(retries(&options))
        .with_bucket_name(&location.bucket);
    for (name, value) in options.foreign().filter(|(name, _)| *name != "base_url") {
        let key: GoogleConfigKey = name.parse().map_err(refused)?;
        builder = builder.with_config(key, value);
    }
    if let Some(base) = &base {
        builder = builder.with_base_url(&base.url());
    }
    let store = builder.build().map_err(refused)?;

    let endpoint = match public.clone().or(base) {
        Some(endpoint) => endpoint,
        None => Endpoint::parse("option endpoint", PUBLIC_CLOUD)?,
    };
    let target = Target::new(&endpoint, &[&location.bucket]);
    let key = account.filter(|account| !account.private_key.is_empty());
    let signer: Option<Arc<dyn ObjectSigner>> = match key {
        _ if options.flag("skip_signature") || options.any(&["bearer_token"]) => None,
        Some(account) => Some(Arc::new(GcsSigner::new(
            account.client_email,
            &account.private_key,
            target,
        )?)),
        None if public.is_some() => {
            return Err(config_error(
                "a public endpoint requires a service account key for signing; set the option \
                 service_account_path",
            ));
        }
        None => Some(Arc::new(RemoteSigner::new(Arc::new(store.clone())))),
    };
    Ok(Connection {
        store: Arc::new(store),
        signer,
        backend: Cow::Borrowed(location.service.name()),
        prefix: location.prefix,
    })
}

/// Reads the service account that the options name, as text or in a file.
fn service_account(options: &Options) -> Result<Option<ServiceAccount>, StorageError> {
    let (text, path) = (
        options.get("service_account_key"),
        options.get("service_account_path"),
    );
    if text.is_some() && path.is_some() {
        return Err(config_error(
            "both service_account_key and service_account_path are set; set one of them",
        ));
    }
    let (name, json) = match (
        text,
        path.or_else(|| options.get("application_credentials")),
    ) {
        (Some(text), _) => ("service_account_key", text.to_owned()),
        (None, Some(path)) => {
            let name = "the file of service_account_path or application_credentials";
            let json = std::fs::read_to_string(path).map_err(|error| {
                config_error(format!("failed to read {name}")).with_source(error)
            })?;
            (name, json)
        }
        (None, None) => return Ok(None),
    };
    // The cause would quote the text, which contains a private key.
    let account: ServiceAccount = serde_json::from_str(&json)
        .map_err(|_| config_error(format!("{name} is not the JSON of a credential")))?;
    let incomplete = account.private_key.is_empty() || account.client_email.is_empty();
    if incomplete && (text.is_some() || path.is_some()) {
        return Err(config_error(format!(
            "{name} lacks client_email or private_key: it is not the key of a service account"
        )));
    }
    Ok(Some(account))
}
