//! The file store's own tests.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod layout;
mod repair;
mod support;
mod sweeping;
