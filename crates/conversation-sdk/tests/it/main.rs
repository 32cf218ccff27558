//! Conversations, with a scripted provider and stores in memory.

mod support;

mod cuts;
mod faults;
mod idempotency;
mod interruption;
mod tools;
mod turns;
mod waiting;
