//! Tests of the crate as its users see it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod fitting;
mod hostile;
mod optimizing;
mod probing;
mod renditions;
mod samples;
mod screening;
mod stripping;
mod workers;
