//! What the examples share.
//!
//! - [`bucket`]: a custom storage backend
//! - [`peer`]: a local server that stands in for the service where no key is given
//! - [`options`]: flags of the command line
//! - [`service`]: which service is asked
//! - [`setup`], [`turn`]: stores and conversation opened, a turn taken and told
//! - [`run`]: what every example's `main` calls
//! - [`errors`], [`advice`]: how an example reports what went wrong
//! - [`photo`]: images from files
//! - [`report`]: what a conversation holds, in figures
//! - [`prompt`], [`terminal`], [`memory`], [`sizes`]: what it reads and prints

pub mod advice;
pub mod bucket;
pub mod errors;
pub mod memory;
pub mod options;
pub mod peer;
pub mod photo;
pub mod prompt;
pub mod report;
pub mod service;
pub mod setup;
pub mod sizes;
mod start;
pub mod terminal;
pub mod turn;

pub use start::run;
