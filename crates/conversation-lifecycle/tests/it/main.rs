//! Deletion, erasure and reconciliation without a manager and without turns.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests and their helpers"
)]

mod support;

mod caches;
mod copies;
mod errors;
mod reconcile;
mod slots;
mod unreadable;
mod upkeep;
