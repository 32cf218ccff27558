//! Tests of the conversation SDK from outside.

mod answer;
mod builder;
mod conversation;
mod crash;
mod deletion;
mod events;
mod externalizer;
mod golden_state;
#[cfg(feature = "openai")]
mod openai;
mod pack;
mod races;
mod receive;
mod state;
mod support;
mod tools;
mod untrusted;
mod wire;
