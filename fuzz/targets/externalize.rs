//! Any text, as a history: it comes back, and its slim form stays as it is.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/media-history/tests/support/targets.rs"]
mod targets;

fuzz_target!(|data: &[u8]| targets::externalize(data));
