//! Tests of all stores through their public interface.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod broken;
mod documents;
mod memory;
mod model;
mod postgres;
mod redis;
mod servers;
mod service_faults;
mod services;
mod sqlite;
mod writer;
