//! Tests of the conversation SDK from outside.

mod conversation;
mod deletion;
mod externalizer;
#[cfg(feature = "openai")]
mod openai;
mod pack;
mod races;
mod support;
mod tools;
