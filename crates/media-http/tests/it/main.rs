//! Links and uploads, over real connections.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(feature = "resumable")]
mod cors;
mod hostile;
mod links;
mod ranges;
#[cfg(feature = "resumable")]
mod resumable;
mod slow;
mod support;
mod upload;
