//! Conversations, with a scripted provider and stores in memory.

mod cut;
mod support;

mod cuts;
mod faults;
mod deletion;
mod erasure;
mod idempotency;
mod interruption;
mod reconcile;
mod tools;
mod turns;
mod upkeep;
mod waiting;
