//! Conversations with LLMs whose media lives in storage.

#![allow(dead_code, reason = "the crate is being assembled")]

mod externalize;
