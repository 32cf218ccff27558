//! Base64 that is decoded as it is read, together with how it is spelled.

mod lines;
mod reader;
mod symbols;
#[cfg(test)]
mod tests;

pub(crate) use reader::{Dialect, Fed, NotCanonical, Reader};
