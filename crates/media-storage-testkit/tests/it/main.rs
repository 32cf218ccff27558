//! The suite itself: that broken stores fail it, and that faults come as they were ordered.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod faults;
mod mutant;
mod mutants;
