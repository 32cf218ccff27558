//! The objects of one reference: sidecar, expiry hint, and bytes that are not shared.

pub(crate) mod expiry;
pub(crate) mod flags;
pub(crate) mod layout;
pub(crate) mod own;
pub(crate) mod pointer;
pub(crate) mod sidecar;
pub(crate) mod tombstone;
pub(crate) mod value;
