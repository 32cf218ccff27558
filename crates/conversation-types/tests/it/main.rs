//! What is read is kept: messages of this version, of version 0.1, and of versions to come.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests and their helpers")]

mod formats;
mod properties;
mod tolerance;
