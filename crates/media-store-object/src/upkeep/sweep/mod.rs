//! Sweeps: removing expired media, bytes that no reference holds, and leftovers of dead writers.
//!
//! A sweep keeps no state in the bucket, unless it is asked to: each one examines the bucket anew, so that
//! what one that was cut short left is found by the next one on any node.

mod expired;
mod garbage;
mod heal;
mod inbox;
mod leftovers;
mod pass;
mod prune;
mod run;
mod second;
mod second_garbage;
mod second_index;
mod second_join;
mod second_repair;
mod state;
mod tally;

pub(crate) use run::sweep;
