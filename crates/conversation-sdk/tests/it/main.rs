//! Tests of the conversation SDK from outside.

mod builder;
mod conversation;
mod deletion;
mod events;
mod externalizer;
#[cfg(feature = "openai")]
mod openai;
mod pack;
mod races;
mod state;
mod support;
mod tools;
