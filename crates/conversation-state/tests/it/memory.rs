//! The store in memory.

use conversation_state::conformance::MemoryHarness;

conversation_state::state_conformance!(MemoryHarness::new());
