//! Driving the protocol of blobs against a bucket.

mod collect;
mod confirmed;
mod content;
mod delete;
mod driver;
mod nonces;
mod store;

pub(crate) use collect::{collect, fence};
pub(crate) use confirmed::ConfirmedBlobs;
pub(crate) use content::Content;
pub(crate) use delete::delete;
pub(crate) use driver::{Driver, Ended, drive};
pub(crate) use nonces::fresh_nonce;
pub(crate) use store::{Attempt, StoreAttempt, store};
