//! Any text, as a slim history: it is text, unless a placeholder verifies.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/media-history/tests/support/targets.rs"]
mod targets;

fuzz_target!(|data: &[u8]| targets::restore(data));
