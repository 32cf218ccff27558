//! From URL, options and environment to a bucket that can be reached.
//!
//! No request is made here; the probe makes the first.

#![cfg_attr(
    not(all(feature = "aws", feature = "azure", feature = "gcp")),
    allow(dead_code, reason = "each service uses a part of it")
)]

#[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
mod client;
mod endpoint;
mod names;
mod nearest;
mod options;

#[cfg(feature = "azure")]
mod azure;
#[cfg(feature = "gcp")]
mod gcs;
#[cfg(feature = "aws")]
mod s3;

use media_storage::StorageError;

use crate::connection::{ConnectSettings, Connection};
#[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
use crate::location::Service;
use crate::location::{Location, misconfigured};
pub(crate) use endpoint::Endpoint;
use options::Options;

/// Makes a client for the bucket that the settings name.
///
/// # Errors
/// `Config` in one sentence: what is missing, or what cannot be used.
pub(crate) fn connect(settings: &ConnectSettings) -> Result<Connection, StorageError> {
    let environment = if settings.environment {
        let utf8 = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        std::env::vars_os().filter_map(utf8).collect()
    } else {
        Vec::new()
    };
    connect_in(settings, &environment)
}

fn connect_in(
    settings: &ConnectSettings,
    environment: &[(String, String)],
) -> Result<Connection, StorageError> {
    let Some(url) = &settings.url else {
        return Err(misconfigured("no URL of a bucket was given"));
    };
    let location = Location::parse(url)?;
    let service = location.service;
    let named = |error: StorageError| error.with_backend(service.word());
    let options = Options::collect(service, environment, &settings.options).map_err(named)?;
    let public = settings
        .public_endpoint
        .as_deref()
        .map(|text| Endpoint::parse("public endpoint", text))
        .transpose()
        .map_err(named)?;
    let connected = match service {
        #[cfg(feature = "aws")]
        Service::S3 => s3::connect(location, options, public),
        #[cfg(feature = "gcp")]
        Service::Gcs => gcs::connect(location, options, public),
        #[cfg(feature = "azure")]
        Service::Azure => azure::connect(location, options, public),
        #[allow(unreachable_patterns, reason = "each service is a feature")]
        _ => {
            let _ = (location, options, public);
            Err(misconfigured(
                "this build is without the service; turn on the feature of media-store-object for it",
            ))
        }
    };
    connected.map_err(named)
}

/// What `object_store` says when it cannot make a client. Its texts may quote values of options, so
/// none of them is passed on.
#[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
fn refused(_: object_store::Error) -> StorageError {
    misconfigured("the options do not fit together, or one has a value that cannot be used")
}
