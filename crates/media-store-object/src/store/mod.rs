//! The store: its builder, its handle, and the traits that the handle implements.

mod builder;
mod existing;
mod handle;
mod importer;
mod inbox;
mod inventory;
mod opening;
mod probe;
mod protocol;
mod signer;
mod verifier;

pub use builder::ObjectMediaStoreBuilder;
pub use existing::NO_STORE;
pub use handle::ObjectMediaStore;
pub use protocol::ProtocolVersion;
