//! The store in a SQLite file.

mod concurrency;
mod damage;
mod full_disk;
mod harness;
mod migration;
mod opening;
mod secrets;

use harness::SqliteHarness;

conversation_state::state_conformance!(SqliteHarness::new());
