//! The file store's own tests.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod forged;
mod hostile;
mod layout;
mod places;
mod race;
mod repair;
mod support;
mod sweeping;
