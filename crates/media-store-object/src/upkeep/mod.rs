//! Operations on many references: list, usage, deletion of scopes, sweeps.

mod contents;
mod delete_scope;
mod failures;
mod first_media;
mod list;
mod name_filter;
mod pending_gc;
mod progress;
mod scoped;
mod sweep;
mod sweep_lease;
mod usage;
mod walk;

pub(crate) use delete_scope::delete_scope;
pub(crate) use list::list;
pub(crate) use sweep::sweep;
pub(crate) use sweep_lease::sweep_lease;
pub(crate) use usage::usage;
