//! What is read is kept: messages of this version, of version 0.1, and of versions to come.

mod formats;
mod properties;
mod tolerance;
