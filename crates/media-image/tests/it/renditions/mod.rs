//! Smaller images that are stored beside their originals.

mod conformance;
mod ending;
mod making;
mod memory;
mod owners;
mod stores;
