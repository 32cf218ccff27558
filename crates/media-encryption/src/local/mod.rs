//! Data keys in files.

mod keys;
mod master_key;
mod record;

pub use keys::{LocalKeys, LocalKeysBuilder, Rewrapped};
pub use master_key::MasterKey;
