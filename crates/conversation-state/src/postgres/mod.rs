//! Conversations in a PostgreSQL database.

mod apply;
mod connect;
mod create;
mod failure;
mod list;
mod load;
mod lookup;
mod migrate;
mod options;
mod references;
mod rows;
mod schema;
mod session;
mod store;
mod upkeep;

pub use options::PostgresOptions;
pub use store::PostgresStateStore;
