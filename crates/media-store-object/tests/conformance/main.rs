//! The object store against the conformance suite: over a bucket in memory, and over HTTP against
//! servers of the three clouds.
//!
//! moto and Azurite come from outside: where they are not installed and cannot be, their tests fail,
//! unless `MEDIA_NO_SERVICES` is set.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod encrypted;
mod memory;
mod servers;
mod services;
