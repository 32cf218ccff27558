//! `ObjectMediaStore`: media of LLM conversations in S3, GCS, Azure or any other object store.
//!
//! # Map
//! - [`ObjectMediaStore`] (`store`), its builder (`builder`), what handles share (`shared`)
//! - how equal bytes are shared by many nodes without a database: [`protocol`], state machines that
//!   do no I/O, and what drives them against a bucket (`dedup`)
//! - storing (`upload`): a body becomes something that can be sent again (`intake`, `payload`,
//!   `spool`) and is sent whole or in parts (`send`, `multipart`), to be shared (`dedup`, `tokens`)
//!   or not (`own`); calls that nobody waits for (`cancel`); headers (`headers`)
//! - finding what a reference stands for (`find`, `sidecar`), reading (`retrieve`), deleting
//!   (`delete`)
//! - walks over references (`walk`, `layout`) and shared bytes (`hashes`): list, usage, delete-scope
//!   (`inventory`, `released`), what expires (`expiry`), `sweep` (`seen`)
//! - the bucket: names in it (`keys`), the calls that everything is made of (`bucket`), failures
//!   (`error`), work that would hold up the runtime (`blocking`)
//! - getting in: URL, options and environment (`location`, `connect`, `connection`), what the service
//!   can do (`probe`), signed URLs (`sign`)
//! - [`ReadCache`]: the bytes of media that was read, on the local disk in front of a store (`cache`)

mod blocking;
mod bucket;
mod builder;
mod cache;
mod cancel;
mod connect;
mod connection;
mod dedup;
mod delete;
mod error;
mod expiry;
mod find;
mod hashes;
mod headers;
mod intake;
mod inventory;
mod keys;
mod layout;
mod location;
mod multipart;
mod own;
mod payload;
mod probe;
pub mod protocol;
mod released;
mod retrieve;
mod seen;
mod send;
mod shared;
mod sidecar;
mod sign;
mod spool;
mod store;
mod sweep;
mod tokens;
mod upload;
mod walk;

pub use builder::ObjectMediaStoreBuilder;
pub use cache::{CacheFill, CacheStats, ReadCache, ReadCacheBuilder};
pub use error::ServiceFailure;
pub use store::ObjectMediaStore;
