//! File operations that differ between operating systems, or that must not follow links.
//!
//! Every function takes an open directory and a name or a relative path, and follows no symbolic
//! link.

mod errors;
mod files;
mod stat;

#[cfg(unix)]
#[path = "unix.rs"]
mod platform;
#[cfg(not(unix))]
#[path = "other.rs"]
mod platform;

pub(crate) use errors::{
    is_absence, is_full, is_not_found, is_stale, is_too_many_links, kind_of, links_unavailable,
};
pub(crate) use files::{Creation, create_new, open_dir_at, open_file, open_lock};
pub(crate) use platform::{
    create_base, create_dir, is_removed, is_world_writable, open_ambient_dir, open_dir, rename_new,
    swap, sync_dir,
};
pub(crate) use stat::{BodyId, Identity, Stat, is_absent, stat, stat_dir, stat_file};
