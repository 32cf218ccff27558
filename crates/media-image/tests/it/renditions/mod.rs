//! Smaller images that are stored beside their originals.

mod conformance;
mod ending;
mod making;
mod owners;
mod stores;
