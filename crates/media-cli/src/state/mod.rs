//! The conversation database that a command works on.

mod manager;
mod open;

pub(crate) use manager::{failure, manager};
pub(crate) use open::{open_existing_state, open_or_create_state};
