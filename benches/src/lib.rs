//! Measurements of the workspace against its peers and against the work done by hand.
//!
//! # Map
//! - [`race`]: contenders take turns, so that a machine whose speed drifts favors none
//! - [`stats`]: medians, spread and ratios; [`bodies`]: media to store; [`machine`]: where it ran
//! - [`contender`]: the file store, its peers and the work done by hand, behind one face
//! - [`fs`]: the measurements of the file store; [`object`]: those of the object store; [`wire`]:
//!   those of request bodies
//! - [`report`]: Markdown tables with targets; [`chart`]: images

pub mod bodies;
pub mod chart;
pub mod contender;
pub mod fs;
pub mod machine;
pub mod object;
pub mod race;
pub mod report;
pub mod stats;
pub mod wire;

/// Whatever goes wrong in a measurement ends it.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
