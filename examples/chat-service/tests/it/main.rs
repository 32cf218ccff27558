//! The service as a process, over HTTP, with the local mock server behind it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod chat;
mod service;
mod stop;
