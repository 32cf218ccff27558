//! Tests of the crate from the outside.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod arrays;
#[cfg(unix)]
mod attributes;
mod basics;
mod contract;
mod errors;
mod files;
mod fuzzed;
#[path = "../support/generate/mod.rs"]
#[allow(unreachable_pub)]
mod generate;
mod golden;
mod killed;
#[cfg(feature = "tower")]
mod layer;
mod round_trip;
mod stand_in;
#[path = "../support/targets.rs"]
mod targets;
