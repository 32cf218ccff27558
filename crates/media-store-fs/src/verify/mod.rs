//! Verifying everything that is stored, and repairing what can be repaired.

mod blobs;
mod hashes;
mod media;
mod rebuild;
mod run;

pub(crate) use run::verify;
