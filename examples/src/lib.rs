//! What the examples share.
//!
//! - [`peer`]: a local server that stands in for the service where no key is given
//! - [`run`]: what every example's `main` calls
//! - [`errors`]: how an example reports what went wrong
//! - [`terminal`], [`memory`], [`sizes`]: what it prints

pub mod errors;
pub mod memory;
pub mod peer;
pub mod sizes;
mod start;
pub mod terminal;

pub use start::run;
