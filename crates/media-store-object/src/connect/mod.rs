//! From URL, options and environment to a bucket. No request is made here.

#![cfg_attr(
    not(all(feature = "aws", feature = "azure", feature = "gcp")),
    allow(dead_code, reason = "each service uses a part of it")
)]

#[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
mod client;
mod connection;
mod dispatch;
mod names;
mod options;
mod settings;
mod suggest;

#[cfg(feature = "azure")]
mod azure;
#[cfg(feature = "gcp")]
mod gcs;
#[cfg(feature = "aws")]
mod s3;

pub(crate) use connection::Connection;
pub(crate) use dispatch::connect;
pub(crate) use settings::ConnectSettings;
