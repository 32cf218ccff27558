//! Addresses of buckets and services, as users write them.
#![cfg_attr(
    not(all(feature = "aws", feature = "azure", feature = "gcp")),
    allow(dead_code, reason = "each service uses a part of it")
)]

mod endpoint;
mod location;

pub(crate) use endpoint::Endpoint;
pub(crate) use location::{Location, Service};
