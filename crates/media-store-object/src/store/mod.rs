//! The store: its builder, its handle, and the traits that the handle implements.

mod builder;
mod handle;
mod inventory;
mod probe;
mod signer;

pub use builder::ObjectMediaStoreBuilder;
pub use handle::ObjectMediaStore;
