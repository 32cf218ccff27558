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
#[cfg(any(feature = "openai", feature = "anthropic", feature = "gemini"))]
mod asking;
#[cfg(all(feature = "openai", feature = "anthropic", feature = "gemini"))]
mod bad_input;
#[cfg(feature = "anthropic")]
mod files;
mod fitting;
#[cfg(feature = "gemini")]
mod gemini;
#[cfg(feature = "anthropic")]
mod lost_files;
#[cfg(feature = "openai")]
mod openai;
#[cfg(any(feature = "openai", feature = "anthropic", feature = "gemini"))]
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
