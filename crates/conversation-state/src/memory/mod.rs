//! Conversations in memory: the default, and the model of all other stores.

mod shared;
mod store;

pub use store::InMemoryStateStore;
