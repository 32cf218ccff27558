//! Signed URLs, by which anyone can read one object for a limited time.
//!
//! `object_store` signs as of the current moment, so that no two of its URLs are equal. A provider
//! that caches prompts needs the same URL again, also from another node. The URLs are therefore
//! signed here, as of the beginning of a window of time. URLs that only the cloud can sign, because
//! it keeps the key, are remembered for their window.
//!
//! Type and name belong to the reference and not to the bytes, which may be shared: each URL sets
//! `Content-Type` and `Content-Disposition` of the response.

#![cfg_attr(
    not(all(feature = "aws", feature = "azure", feature = "gcp")),
    allow(dead_code, reason = "each service uses a part of it")
)]

#[cfg(feature = "azure")]
pub(crate) mod azure;
#[cfg(feature = "azure")]
mod delegation;
#[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
mod error;
#[cfg(feature = "gcp")]
pub(crate) mod gcs;
#[cfg(feature = "gcp")]
pub(crate) mod remote;
#[cfg(feature = "aws")]
pub(crate) mod s3;
mod signer;
#[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
pub(crate) mod target;
#[cfg(any(feature = "aws", feature = "gcp"))]
mod v4;
#[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
mod window;

pub(crate) use signer::{ObjectSigner, PutRequest, SigningRequest};
