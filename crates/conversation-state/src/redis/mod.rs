//! Conversations in Redis.

mod apply;
mod connect;
mod create;
mod delete;
mod failure;
mod index;
mod keys;
mod list;
mod load;
mod look;
mod open;
mod options;
mod references;
mod server;
mod steps;
mod store;
mod upkeep;

pub use options::RedisOptions;
pub use store::RedisStateStore;
