//! `media orphans`: media that no conversation, or no history, names.

mod command;
mod files;
mod found;
mod histories;
mod marks;

pub(crate) use command::{OrphansArguments, run};
