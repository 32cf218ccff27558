//! Tests of the crate from the outside.

mod basics;
#[path = "../support/generate.rs"]
#[allow(unreachable_pub)]
mod generate;
mod golden;
mod round_trip;
