//! Tests of providers from outside.

mod answer;
#[cfg(feature = "openai")]
mod openai;
mod scripted;
mod sink;
mod support;
mod wire;
