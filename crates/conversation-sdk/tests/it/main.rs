//! Conversations, with a scripted provider and stores in memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests and their helpers"
)]

mod cut;
mod support;

mod adopted;
mod alone;
mod awaits;
mod background;
mod bad_input;
mod branch;
mod child;
mod cuts;
mod deletion;
mod disk;
mod ends;
#[cfg(all(feature = "anthropic", feature = "gemini", feature = "openai"))]
mod enforced;
mod erasure;
mod errors;
mod faults;
mod history;
mod idempotency;
#[cfg(feature = "images")]
mod images;
mod interruption;
#[cfg(all(feature = "anthropic", feature = "openai"))]
mod kept;
mod leases;
mod planner;
mod privacy;
mod prompts;
mod reconcile;
#[cfg(feature = "http")]
mod remote;
mod retention;
mod retries;
mod spans;
mod spawned;
mod spending;
mod stopped;
mod storage;
mod test_run;
mod tools;
mod turns;
mod untrusted;
mod upkeep;
mod upload;
mod view;
mod waiting;
