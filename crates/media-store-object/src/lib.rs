//! `ObjectMediaStore`: media of LLM conversations in S3, GCS, Azure or any other object store.
//!
//! # Map
//! - [`ObjectMediaStore`] (`store`), its builder (`builder`), what handles share (`shared`)
//! - how equal bytes are shared by many nodes without a database: [`protocol`], state machines that
//!   do no I/O, and what drives them against a bucket (`dedup`)
//! - storing: a body becomes something that can be sent again (`intake`, `spool`), is sent whole or
//!   in parts (`upload`), gets its names (`publish`); calls that nobody waits for (`cancel`)
//! - reading (`retrieve`) and deleting (`delete`)
//! - walks (`walk`): list, usage, delete-scope (`inventory`), what expires (`expiry`), `sweep`
//! - the bucket: names in it (`keys`), the calls that everything is made of (`bucket`), failures
//!   (`error`)
//! - getting in: URL, options and environment (`location`, `connect`, `connection`), what the service
//!   can do (`probe`), signed URLs (`sign`)
//! - [`ReadCache`]: the bytes of media that was read, on the local disk in front of a store (`cache`)

mod bucket;
mod cache;
mod connect;
mod connection;
mod error;
mod keys;
mod location;
mod probe;
pub mod protocol;
mod shared;
mod sign;

pub use cache::{CacheFill, CacheStats, ReadCache, ReadCacheBuilder};
