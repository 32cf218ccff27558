//! Clients of `object_store` for each server, by its own address or another.

use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut};
use object_store::azure::{MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorage, GoogleCloudStorageBuilder};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use test_servers::azurite::Azurite;
use test_servers::gcs::GcsServer;
use test_servers::moto::Moto;
use test_servers::s3::{REGION, S3Server};

fn no_retries() -> RetryConfig {
    RetryConfig {
        max_retries: 0,
        backoff: BackoffConfig::default(),
        retry_timeout: Duration::from_secs(30),
    }
}

fn options() -> ClientOptions {
    ClientOptions::new()
        .with_allow_http(true)
        .with_timeout(Duration::from_secs(120))
}

fn aws(endpoint: &str, bucket: &str, access_key: &str, secret_key: &str) -> AmazonS3 {
    AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_region(REGION)
        .with_bucket_name(bucket)
        .with_access_key_id(access_key)
        .with_secret_access_key(secret_key)
        .with_virtual_hosted_style_request(false)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_client_options(options())
        .with_retry(no_retries())
        .build()
        .unwrap()
}

pub(crate) fn s3(server: &S3Server) -> AmazonS3 {
    s3_at(server, &server.endpoint())
}

pub(crate) fn s3_at(server: &S3Server, endpoint: &str) -> AmazonS3 {
    aws(
        endpoint,
        server.bucket(),
        server.access_key(),
        server.secret_key(),
    )
}

pub(crate) fn s3_with_wrong_key(server: &S3Server) -> AmazonS3 {
    aws(
        &server.endpoint(),
        server.bucket(),
        server.access_key(),
        "wrong",
    )
}

pub(crate) fn moto_at(server: &Moto, endpoint: &str) -> AmazonS3 {
    aws(
        endpoint,
        server.bucket(),
        server.access_key(),
        server.secret_key(),
    )
}

pub(crate) fn azurite_at(server: &Azurite, endpoint: &str) -> MicrosoftAzure {
    MicrosoftAzureBuilder::new()
        .with_endpoint(endpoint.to_owned())
        .with_account(server.account())
        .with_access_key(server.access_key())
        .with_container_name(server.container())
        .with_client_options(options())
        .with_retry(no_retries())
        .build()
        .unwrap()
}

pub(crate) fn gcs(server: &GcsServer) -> GoogleCloudStorage {
    gcs_with(server, &server.service_account())
}

pub(crate) fn gcs_with(server: &GcsServer, service_account: &str) -> GoogleCloudStorage {
    GoogleCloudStorageBuilder::new()
        .with_service_account_key(service_account)
        .with_bucket_name(server.bucket())
        .with_client_options(options())
        .with_retry(no_retries())
        .build()
        .unwrap()
}
