//! S3 and compatible services.

use std::borrow::Cow;
use std::sync::Arc;

use media_storage::StorageError;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};

use super::client::{client_options, retries};

use super::client::refused;
use super::connection::Connection;
use super::options::Options;
use crate::address::{Endpoint, Location};
use crate::error::config_error;
use crate::sign::ObjectSigner;
use crate::sign::s3::S3Signer;
use crate::sign::target::Target;

/// Options that provide credentials.
const CREDENTIAL_SOURCES: &[&str] = &[
    "access_key_id",
    "web_identity_token_file",
    "container_credentials_relative_uri",
    "container_credentials_full_uri",
    "metadata_endpoint",
];

const ENDPOINTS: [&str; 2] = ["aws_endpoint_url_s3", "endpoint"];

pub(super) fn connect(
    location: Location,
    mut options: Options,
    public: Option<Endpoint>,
) -> Result<Connection, StorageError> {
    let bucket = location.bucket.as_str();
    let allow_http = options.flag("allow_http");
    let in_host = options.flag("virtual_hosted_style_request");
    let add_bucket = |endpoint: Endpoint| match in_host {
        true => endpoint.of_bucket(bucket),
        false => endpoint,
    };
    let endpoint = ENDPOINTS
        .into_iter()
        .find_map(|name| options.get(name))
        .map(|text| {
            Endpoint::parse("option endpoint", text)?.allowed("option endpoint", allow_http)
        })
        .transpose()?
        .map(add_bucket);
    let public = public.map(add_bucket);
    check_credentials(&options, endpoint.is_some())?;

    let over_tls = endpoint.as_ref().is_none_or(|endpoint| endpoint.https);
    // TLS protects the body; hashing it once more costs as much as storing it.
    options.default_to("unsigned_payload", if over_tls { "true" } else { "false" });
    // Every service has a plain DELETE, whose status tells what went wrong.
    options.default_to("disable_bulk_delete", "true");

    let mut builder = AmazonS3Builder::new()
        .with_client_options(client_options(&options))
        .with_retry(retries(&options))
        .with_bucket_name(bucket);
    for (name, value) in options
        .foreign()
        .filter(|(name, _)| !ENDPOINTS.contains(name))
    {
        let key: AmazonS3ConfigKey = name.parse().map_err(refused)?;
        builder = builder.with_config(key, value);
    }
    if let Some(endpoint) = &endpoint {
        builder = builder.with_endpoint(endpoint.url());
    }
    let region = builder.get_config_value(&AmazonS3ConfigKey::Region);
    let region = region.unwrap_or_else(|| "us-east-1".to_owned());
    let store = builder.build().map_err(refused)?;

    let target = target(&location, public.or(endpoint), &region, in_host)?;
    let signer = S3Signer::new(
        Arc::clone(store.credentials()),
        target,
        region,
        options.get("credential_expiration"),
    );
    let signs = !options.flag("skip_signature")
        && !options.flag("s3_express")
        && !options.any(&["sse_customer_key_base64"]);
    Ok(Connection {
        store: Arc::new(store),
        signer: signs.then(|| Arc::new(signer) as Arc<dyn ObjectSigner>),
        backend: Cow::Borrowed(location.service.name()),
        prefix: location.prefix,
    })
}

/// Returns the target of signed URLs, with the bucket in the host or before the key.
fn target(
    location: &Location,
    endpoint: Option<Endpoint>,
    region: &str,
    in_host: bool,
) -> Result<Target, StorageError> {
    let bucket = location.bucket.as_str();
    let endpoint = match endpoint {
        Some(endpoint) => endpoint,
        None if in_host => {
            let url = format!("https://{bucket}.s3.{region}.amazonaws.com");
            Endpoint::parse("option region", &url)?
        }
        None => {
            let url = format!("https://s3.{region}.amazonaws.com");
            Endpoint::parse("option region", &url)?
        }
    };
    Ok(match in_host {
        true => Target::new(&endpoint, &[]),
        false => Target::new(&endpoint, &[bucket]),
    })
}

fn check_credentials(options: &Options, own_endpoint: bool) -> Result<(), StorageError> {
    let (id, secret) = (
        options.any(&["access_key_id"]),
        options.any(&["secret_access_key"]),
    );
    if id && !secret {
        return Err(config_error(
            "the option access_key_id is set without the option secret_access_key",
        ));
    }
    if secret && !id {
        return Err(config_error(
            "the option secret_access_key is set without the option access_key_id",
        ));
    }
    // Without credentials the metadata service of AWS would be asked, which other services lack.
    if own_endpoint && !options.any(CREDENTIAL_SOURCES) && !options.flag("skip_signature") {
        return Err(config_error(
            "no credentials; set the options access_key_id and secret_access_key, or read them from \
             the environment",
        ));
    }
    Ok(())
}
