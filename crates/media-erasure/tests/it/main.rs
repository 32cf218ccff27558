//! The journal: written before anything is deleted, replayed after a backup was restored.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod conformance;
mod restore;
mod uncounted;
