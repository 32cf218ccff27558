//! `media history`: media out of JSON histories, and back.

mod arguments;
mod check;
mod command;
mod rewrite;
mod walk;

pub(crate) use arguments::failure;
pub(crate) use command::{HistoryArguments, run};
