//! The names of options.

use crate::address::Service;

/// Format of the value of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// Text with line breaks: PEM and JSON.
    Lines,
    Flag,
    Duration,
    Count,
    Time,
}

/// Name and format of an option.
#[derive(Debug)]
pub(super) struct OptionSpec {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

const fn text(name: &'static str) -> OptionSpec {
    OptionSpec {
        name,
        kind: Kind::Text,
    }
}
const fn lines(name: &'static str) -> OptionSpec {
    OptionSpec {
        name,
        kind: Kind::Lines,
    }
}
const fn flag(name: &'static str) -> OptionSpec {
    OptionSpec {
        name,
        kind: Kind::Flag,
    }
}
const fn duration(name: &'static str) -> OptionSpec {
    OptionSpec {
        name,
        kind: Kind::Duration,
    }
}
const fn count(name: &'static str) -> OptionSpec {
    OptionSpec {
        name,
        kind: Kind::Count,
    }
}

/// Options of this crate, for every service.
pub(super) const OWN: &[OptionSpec] = &[
    count("max_retries"),
    duration("retry_timeout"),
    OptionSpec {
        name: "credential_expiration",
        kind: Kind::Time,
    },
];

/// Options of the HTTP client, for every service.
pub(super) const CLIENT: &[OptionSpec] = &[
    flag("allow_http"),
    flag("allow_invalid_certificates"),
    duration("connect_timeout"),
    flag("disable_system_certificates"),
    flag("http1_only"),
    flag("http2_only"),
    duration("http2_keep_alive_interval"),
    duration("http2_keep_alive_timeout"),
    flag("http2_keep_alive_while_idle"),
    count("http2_max_frame_size"),
    duration("pool_idle_timeout"),
    count("pool_max_idle_per_host"),
    text("proxy_url"),
    lines("proxy_ca_certificate"),
    text("proxy_excludes"),
    flag("randomize_addresses"),
    duration("read_timeout"),
    duration("timeout"),
    text("user_agent"),
];

pub(super) const S3: &[OptionSpec] = &[
    text("access_key_id"),
    text("secret_access_key"),
    text("session_token"),
    text("region"),
    text("default_region"),
    text("bucket"),
    text("endpoint"),
    text("aws_endpoint_url_s3"),
    flag("virtual_hosted_style_request"),
    flag("s3_express"),
    flag("imdsv1_fallback"),
    text("metadata_endpoint"),
    flag("unsigned_payload"),
    text("checksum_algorithm"),
    text("container_credentials_relative_uri"),
    text("container_credentials_full_uri"),
    text("container_authorization_token_file"),
    text("web_identity_token_file"),
    text("role_arn"),
    text("role_session_name"),
    text("endpoint_url_sts"),
    flag("skip_signature"),
    flag("disable_tagging"),
    flag("disable_bulk_delete"),
    text("request_payer"),
    text("server_side_encryption"),
    text("sse_kms_key_id"),
    flag("sse_bucket_key_enabled"),
    text("sse_customer_key_base64"),
];

pub(super) const GCS: &[OptionSpec] = &[
    text("service_account_path"),
    lines("service_account_key"),
    text("application_credentials"),
    text("bearer_token"),
    text("bucket"),
    text("base_url"),
    flag("skip_signature"),
];

pub(super) const AZURE: &[OptionSpec] = &[
    text("account_name"),
    text("access_key"),
    text("client_id"),
    text("client_secret"),
    text("tenant_id"),
    text("authority_host"),
    text("sas_token"),
    text("token"),
    flag("use_emulator"),
    text("endpoint"),
    text("msi_endpoint"),
    text("object_id"),
    text("msi_resource_id"),
    text("federated_token_file"),
    flag("use_fabric_endpoint"),
    flag("use_azure_cli"),
    flag("skip_signature"),
    text("container_name"),
    flag("disable_tagging"),
    text("fabric_token_service_url"),
    text("fabric_workload_host"),
    text("fabric_session_token"),
    text("fabric_cluster_identifier"),
    text("credential_type"),
    text("encryption_key"),
];

/// Other names of options: the service, the other name, the name in the tables.
pub(super) const ALIASES: &[(Service, &str, &str)] = &[
    (Service::S3, "endpoint_url", "endpoint"),
    (Service::S3, "endpoint_url_s3", "aws_endpoint_url_s3"),
    (Service::S3, "bucket_name", "bucket"),
    (Service::S3, "token", "session_token"),
    (Service::S3, "access_key", "access_key_id"),
    (Service::S3, "secret_key", "secret_access_key"),
    (Service::Gcs, "service_account", "service_account_path"),
    (Service::Gcs, "credentials", "application_credentials"),
    (Service::Gcs, "bucket_name", "bucket"),
    (Service::Gcs, "endpoint", "base_url"),
    (Service::Azure, "account", "account_name"),
    (Service::Azure, "account_key", "access_key"),
    (Service::Azure, "key", "access_key"),
    (Service::Azure, "master_key", "access_key"),
    (Service::Azure, "authority_id", "tenant_id"),
    (Service::Azure, "sas_key", "sas_token"),
    (Service::Azure, "bearer_token", "token"),
    (Service::Azure, "identity_endpoint", "msi_endpoint"),
    (Service::Azure, "container", "container_name"),
];

/// Options of the environment (third) that are dropped if one of the second is set explicitly, since
/// they belong to another credential or endpoint.
pub(super) const REPLACED: &[(Service, &[&str], &[&str])] = &[
    (Service::S3, &["endpoint"], &["aws_endpoint_url_s3"]),
    (
        Service::S3,
        &["access_key_id", "secret_access_key"],
        &["session_token", "credential_expiration"],
    ),
    (Service::Gcs, GCS_CREDENTIALS, GCS_CREDENTIALS),
    (Service::Azure, AZURE_CREDENTIALS, AZURE_CREDENTIALS),
];

const GCS_CREDENTIALS: &[&str] = &[
    "service_account_path",
    "service_account_key",
    "application_credentials",
    "bearer_token",
];

const AZURE_CREDENTIALS: &[&str] = &[
    "access_key",
    "sas_token",
    "token",
    "client_secret",
    "federated_token_file",
    "use_azure_cli",
    "credential_type",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(all(feature = "aws", feature = "azure", feature = "gcp"))]
    fn object_store_has_every_name() {
        use object_store::aws::AmazonS3ConfigKey;
        use object_store::azure::AzureConfigKey;
        use object_store::gcp::GoogleConfigKey;
        for option in S3.iter().chain(CLIENT) {
            option.name.parse::<AmazonS3ConfigKey>().unwrap();
        }
        for option in GCS.iter().chain(CLIENT) {
            option.name.parse::<GoogleConfigKey>().unwrap();
        }
        for option in AZURE.iter().chain(CLIENT) {
            option.name.parse::<AzureConfigKey>().unwrap();
        }
    }
}
