//! Conversations, with a scripted provider and stores in memory.

mod cut;
mod support;

mod branch;
mod child;
mod cuts;
mod deletion;
mod disk;
mod erasure;
mod faults;
mod history;
mod idempotency;
mod interruption;
mod reconcile;
mod test_run;
mod tools;
mod turns;
mod upkeep;
mod upload;
mod view;
mod waiting;
