//! The service as a process, over HTTP, with the local mock server behind it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod chat;
mod direct;
mod erasure;
mod nodes;
mod operation;
mod page;
mod service;
mod stop;
mod uploads;

#[path = "../../../../crates/conversation-state/tests/it/servers/mod.rs"]
#[allow(dead_code, reason = "tests of state stores use more of it")]
mod servers;
