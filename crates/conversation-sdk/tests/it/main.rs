//! Conversations, with a scripted provider and stores in memory.

mod cut;
mod support;

mod cuts;
mod deletion;
mod erasure;
mod faults;
mod idempotency;
mod interruption;
mod reconcile;
mod tools;
mod turns;
mod upkeep;
mod waiting;
