//! What a command says, and to whom: results to standard output, everything else to standard error.

mod progress;
mod table;
mod text;
mod writer;

pub(crate) use progress::Progress;
pub(crate) use table::{Align, Table};
pub(crate) use text::escaped;
pub(crate) use writer::{ColorChoice, Output};
