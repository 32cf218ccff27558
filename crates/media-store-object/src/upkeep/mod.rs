//! Operations on many references: list, usage, deletion of scopes, sweeps.

mod contents;
mod delete_scope;
mod failures;
mod list;
mod name_filter;
mod pending_gc;
mod progress;
mod scoped;
mod sweep;
mod usage;
mod walk;

pub(crate) use delete_scope::delete_scope;
pub(crate) use list::list;
pub(crate) use sweep::sweep;
pub(crate) use usage::usage;
