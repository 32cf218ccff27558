//! Tests of the conversation SDK from outside.

mod conversation;
mod deletion;
mod externalizer;
mod pack;
mod races;
mod support;
mod tools;
