//! What the examples share.
//!
//! - [`bucket`]: a storage backend of one's own
//! - [`peer`]: a local server that stands in for the service where no key is given
//! - [`service`]: which service is asked
//! - [`run`]: what every example's `main` calls
//! - [`errors`]: how an example reports what went wrong
//! - [`prompt`], [`terminal`], [`memory`], [`sizes`]: what it reads and prints

pub mod bucket;
pub mod errors;
pub mod memory;
pub mod peer;
pub mod prompt;
pub mod service;
pub mod sizes;
mod start;
pub mod terminal;

pub use start::run;
