//! `Encrypted` over the file store, the in-memory store and a read cache.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod conformance;
mod damage;
mod forgetting;
mod keys;
mod provider;
mod secrecy;
mod sharing;
mod support;
mod tagged;
