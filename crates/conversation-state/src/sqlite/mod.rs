//! Conversations in one SQLite file.

mod apply;
mod create;
mod failure;
mod list;
mod load;
mod migrate;
mod open;
mod options;
#[cfg(test)]
mod plans;
mod pool;
mod purge;
mod references;
mod rows;
mod schema;
mod store;
mod upkeep;
mod view;

pub use options::SqliteOptions;
pub use store::SqliteStateStore;
