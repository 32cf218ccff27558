//! Tests of providers from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests and their helpers"
)]

mod answer;
#[cfg(feature = "anthropic")]
mod anthropic;
#[cfg(feature = "http-client")]
mod asking;
#[cfg(all(feature = "openai", feature = "anthropic", feature = "gemini"))]
mod bad_input;
#[cfg(feature = "http-client")]
mod fifth_api;
#[cfg(feature = "anthropic")]
mod files;
mod fitting;
#[cfg(feature = "gemini")]
mod gemini;
#[cfg(feature = "anthropic")]
mod lost_files;
#[cfg(feature = "openai")]
mod openai;
#[cfg(feature = "http-client")]
mod peer;
mod planner;
#[cfg(all(feature = "openai", feature = "anthropic", feature = "gemini"))]
mod recorded;
#[cfg(feature = "images")]
mod renditions;
#[cfg(feature = "openai")]
mod responses;
mod scripted;
mod sink;
mod support;
#[cfg(feature = "openai")]
mod uploads;
mod wire;
