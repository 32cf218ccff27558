//! A strongly consistent bucket with the guarantees of S3 and GCS, behind both in-process servers.
//!
//! The index is a map under one lock. A change checks its condition and is carried out while the lock
//! is held, after the bytes have arrived: one of many conditional puts wins, an object always has its
//! own tag, and a request that is dropped is carried out completely or not at all.

mod change;
mod index;
mod listing;
mod object;
mod staging;
mod upload;
mod uploads;

pub(crate) use change::{Condition, Refusal};
pub(crate) use index::Bucket;
pub(crate) use listing::ListQuery;
pub(crate) use object::{Attributes, Object, hex};
pub use staging::MEMORY_LIMIT;
pub(crate) use staging::Piece;
