//! The examples as a person runs them: whole programs, from the command line to the files they leave.
//!
//! - `run`: starts a program and takes what it says
//! - `generator`, `photos`, `questions`, `tools`, `edits`, `agents`, `backend`: what the examples do
//! - `trouble`: what they say when something is wrong
//! - `interrupt`: Ctrl-C; `lifetime`: the peer ends with its program

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail by panicking"
)]

mod agents;
mod backend;
mod edits;
mod generator;
#[cfg(unix)]
mod interrupt;
mod lifetime;
mod photos;
mod questions;
mod run;
mod tools;
mod trouble;
