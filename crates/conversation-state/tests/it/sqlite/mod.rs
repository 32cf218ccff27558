//! The store in a SQLite file.

mod harness;

use harness::SqliteHarness;

conversation_state::state_conformance!(SqliteHarness::new());
