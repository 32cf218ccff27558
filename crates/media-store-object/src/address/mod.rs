//! Addresses of buckets and services, as users write them.

mod endpoint;
mod location;

pub(crate) use endpoint::Endpoint;
pub(crate) use location::{Location, Service};
