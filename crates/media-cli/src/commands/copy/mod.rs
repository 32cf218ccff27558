//! `media copy`: media from one store to another, under the same ids.

mod command;
mod item;
mod tally;

pub(crate) use command::{CopyArguments, run};
