//! What the examples share.
//!
//! - [`bucket`]: a custom storage backend
//! - [`peer`]: a local server that stands in for the service where no key is given
//! - [`options`]: flags of the command line
//! - [`service`], [`anthropic_service`]: which services are asked
//! - [`setup`], [`turn`]: stores and conversation opened, a turn taken and reported
//! - [`run`]: what every example's `main` calls
//! - [`errors`], [`advice`]: how an example reports what went wrong
//! - [`attachment`], [`samples`]: files of the user, and files for those who give none
//! - [`chart`]: a bar chart as an image
//! - [`report`]: what a conversation holds, in figures
//! - [`prompt`], [`terminal`], [`memory`], [`sizes`]: what it reads and prints

pub mod advice;
pub mod anthropic_service;
pub mod attachment;
pub mod bucket;
pub mod chart;
pub mod errors;
pub mod memory;
pub mod options;
pub mod peer;
pub mod prompt;
pub mod report;
pub mod samples;
pub mod service;
pub mod setup;
pub mod sizes;
mod start;
pub mod terminal;
pub mod turn;

pub use start::run;
