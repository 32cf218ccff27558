//! Azure Blob Storage.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use media_storage::StorageError;
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use secrecy::SecretSlice;

use super::client::{client_options, retries};

use super::client::refused;
use super::connection::Connection;
use super::options::Options;
use crate::address::{Endpoint, Location};
use crate::error::config_error;
use crate::sign::ObjectSigner;
use crate::sign::azure::{AccountKeySigner, DelegationSigner};
use crate::sign::target::Target;

pub(super) fn connect(
    location: Location,
    options: Options,
    public: Option<Endpoint>,
) -> Result<Connection, StorageError> {
    let account = account_name(&location, &options)?;
    let allow_http = options.flag("allow_http");
    let endpoint = options.get("endpoint").or(location.endpoint.as_deref());
    let endpoint = endpoint
        .map(|text| {
            Endpoint::parse("option endpoint", text)?.allowed("option endpoint", allow_http)
        })
        .transpose()?;
    let key = options.get("access_key").map(decoded_key).transpose()?;

    let clients = client_options(&options);
    let mut builder = MicrosoftAzureBuilder::new()
        .with_client_options(clients.clone())
        .with_retry(retries(&options))
        .with_container_name(&location.bucket)
        .with_account(&account);
    for (name, value) in options.foreign() {
        if !["endpoint", "account_name"].contains(&name) {
            let key: AzureConfigKey = name.parse().map_err(refused)?;
            builder = builder.with_config(key, value);
        }
    }
    if let Some(endpoint) = &endpoint {
        builder = builder.with_endpoint(endpoint.url());
    }
    let store = builder.build().map_err(refused)?;

    let service = match endpoint {
        Some(endpoint) => endpoint,
        None => {
            let url = format!("https://{account}.blob.core.windows.net");
            Endpoint::parse("option account_name", &url)?
        }
    };
    let target = Target::new(public.as_ref().unwrap_or(&service), &[&location.bucket]);
    let container = location.bucket.clone();
    let kind = options.get("credential_type").unwrap_or("auto");
    let signer: Option<Arc<dyn ObjectSigner>> = match key {
        // Customer-provided keys are sent in headers, which a URL does not have; a shared access
        // signature cannot sign.
        _ if options.flag("skip_signature") || options.flag("use_emulator") => None,
        _ if options.any(&["encryption_key"]) || kind == "sas_token" => None,
        Some(key) if kind == "access_key" || (kind == "auto" && !options.any(&["token"])) => Some(
            Arc::new(AccountKeySigner::new(account, container, key, target)),
        ),
        _ if options.any(&["sas_token"]) && !has_identity(&options) => None,
        _ => Some(Arc::new(DelegationSigner::new(
            account,
            container,
            Arc::clone(store.credentials()),
            &service,
            &clients,
            target,
        )?)),
    };
    Ok(Connection {
        store: Arc::new(store),
        signer,
        backend: Cow::Borrowed(location.service.name()),
        prefix: location.prefix,
    })
}

/// Whether `object_store` chooses tokens of Entra ID.
fn has_identity(options: &Options) -> bool {
    options.any(&["token"])
        || (options.any(&["client_id"])
            && options.any(&["tenant_id"])
            && options.any(&["federated_token_file", "client_secret"]))
}

fn account_name(location: &Location, options: &Options) -> Result<String, StorageError> {
    let name = match (location.account.as_deref(), options.get("account_name")) {
        (Some(by_url), Some(by_option)) if by_url != by_option => {
            return Err(config_error(
                "the URL and the option account_name name different storage accounts",
            ));
        }
        (Some(name), _) | (None, Some(name)) => name,
        (None, None) => {
            return Err(config_error(
                "no storage account; set the option account_name, or name it in the URL as \
                 abfss://container@account.dfs.core.windows.net",
            ));
        }
    };
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(config_error(
            "the option account_name is not a valid name of a storage account",
        ));
    }
    Ok(name.to_owned())
}

fn decoded_key(key: &str) -> Result<SecretSlice<u8>, StorageError> {
    // The cause would quote a character of the key.
    BASE64_STANDARD
        .decode(key)
        .map(SecretSlice::from)
        .map_err(|_| config_error("the option access_key is not valid base64"))
}
