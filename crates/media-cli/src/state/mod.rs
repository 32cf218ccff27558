//! The conversation database that a command works on.

mod location;
mod manager;
mod open;

pub(crate) use location::{StateArguments, StateLocation};
pub(crate) use manager::failure;
pub(crate) use open::State;
