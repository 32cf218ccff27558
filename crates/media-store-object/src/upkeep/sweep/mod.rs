//! Sweeps: removing expired media, bytes that no reference holds, and leftovers of dead writers.
//!
//! A sweep keeps no state in the bucket: each one examines the bucket anew, so that a sweep that was
//! cut short is finished by the next one on any node.

mod expired;
mod garbage;
mod heal;
mod inbox;
mod leftovers;
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
