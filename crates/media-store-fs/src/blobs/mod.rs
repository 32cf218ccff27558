//! Deduplication: blobs, and how a staged file comes to share one.
//!
//! A blob is a name of an inode that references share. A store first pins the inode under its staged
//! name, so that a racing delete sees two links; every later step works on the pin.

mod content;
mod names;
mod pool;
mod unreferenced;
mod verified;

pub(crate) use content::{copy_bytes, create, hash};
pub(crate) use names::{CLASSES, blob_path};
pub(crate) use pool::{Acquired, Blobs, Source};
pub(crate) use unreferenced::remove_unreferenced;
