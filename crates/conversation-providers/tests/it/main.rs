//! Tests of providers from outside.

mod answer;
#[cfg(feature = "anthropic")]
mod anthropic;
#[cfg(feature = "openai")]
mod openai;
#[cfg(any(feature = "openai", feature = "anthropic"))]
mod peer;
mod scripted;
mod sink;
mod support;
mod wire;
