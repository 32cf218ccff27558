//! Tests of the externalizer.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod failures;
mod files;
mod history;
mod opaque;
mod remote;
mod repeated;
mod rollback;
mod shapes;
mod sources;
mod stored;
mod support;
mod text;
mod types;
mod work;
