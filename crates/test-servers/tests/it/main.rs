//! The servers are driven by `object_store` itself, and what the proxy does is seen from both ends.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod clients;
mod contract;
mod faults;
mod llm;
mod servers;
mod signed_urls;
mod traffic;
