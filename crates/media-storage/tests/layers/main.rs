//! The layers against the conformance suite, and what each of them adds.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod limits;
mod periodic_verification;
mod rotting;
mod spans;
mod usage_walks;
