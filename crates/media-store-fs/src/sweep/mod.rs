//! Removing what is due: expired media, leftovers of ended processes, orphans and unreferenced
//! blobs.

mod due;
mod full;
mod prune;
mod run;
mod state;

pub(crate) use run::sweep;
