//! A custom backend: what it takes to keep media somewhere that this workspace knows nothing of.
//!
//! - [`server`]: the somewhere, a bucket of objects behind HTTP, on this machine
//! - [`client`]: how to talk to it
//! - [`store`]: [`BucketStore`], which makes it a `MediaStorage`; this is the part to read

pub mod client;
pub mod server;
pub mod store;

pub use client::Bucket;
pub use server::BucketServer;
pub use store::BucketStore;

#[cfg(test)]
mod tests;
