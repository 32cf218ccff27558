//! Conformance tests for media stores, and a store that fails on demand.
//!
//! The whole `tests/conformance.rs` of a backend:
//!
//! ```
//! use media_storage::{InMemoryStorage, StorageError};
//! use media_storage_testkit::{Backend, StoreOptions, conformance_tests};
//!
//! /// A place that all opened stores share.
//! struct Memory(InMemoryStorage);
//!
//! impl Backend for Memory {
//!     type Store = InMemoryStorage;
//!     async fn open(&self, options: StoreOptions) -> Result<InMemoryStorage, StorageError> {
//!         let store = self.0.clone().with_default_retention(options.default_retention());
//!         Ok(store.with_max_media_size(options.max_media_size()))
//!     }
//! }
//!
//! conformance_tests!(Memory(InMemoryStorage::new()));
//! # fn main() {
//! # media_storage_testkit::run("example", async {
//! #     media_storage_testkit::scenarios::equal_bytes_are_independent(&Memory(InMemoryStorage::new())).await;
//! # });
//! # }
//! ```
//!
//! The expression is evaluated once per scenario and must return an empty place each time; it may
//! `.await`. A scenario fails by panicking, or if it takes longer than ten minutes.
//!
//! [`FaultyStorage`] wraps a store that fails, waits and counts on demand, for testing what is built on
//! stores; [`Secrets`] looks for plaintext in what an encrypted store writes; `MockServer` (feature `http`)
//! serves media to what fetches it. The module `crash` (feature `crash`, Linux) kills a store at every system call, cuts its power,
//! and checks its promises.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "scenarios are tests: they fail by panicking"
)]

mod backend;
#[cfg(all(feature = "crash", target_os = "linux"))]
pub mod crash;
mod fault;
mod fixture;
#[cfg(feature = "http")]
mod mock;
mod run;
pub mod scenarios;
mod secrets;

pub use backend::{AnyBackend, Backend, HttpClient, HttpResponse, StoreOptions};
pub use fault::{Call, Fault, FaultyStorage, Gate};
#[cfg(feature = "http")]
pub use mock::{MockRequest, MockResponse, MockServer};
pub use run::run;
pub use secrets::{Secrets, for_each_file};
