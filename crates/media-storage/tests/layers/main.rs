//! The layers against the conformance suite, and what each of them adds.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod limits;
mod periodic_verification;
mod rotting;
