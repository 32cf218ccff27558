//! The file store's own tests.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod damage;
mod erased;
mod first_version;
mod forged;
#[cfg(target_os = "linux")]
mod hostile;
#[cfg(target_os = "linux")]
mod imports;
mod layout;
#[cfg(target_os = "linux")]
mod moved;
#[cfg(target_os = "linux")]
mod opening;
#[cfg(target_os = "linux")]
mod places;
mod quarantined;
#[cfg(target_os = "linux")]
mod race;
#[cfg(target_os = "linux")]
mod raced;
mod repair;
mod support;
mod sweeping;
