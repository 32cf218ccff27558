//! Errors of object stores as errors of media storage.
//!
//! The messages of `object_store` are not passed on: they contain URLs, which can be signed or carry
//! credentials, and whole responses, in which some services repeat what they were sent. What helps
//! is extracted from them: the status, the service's code and its message.

mod classify;
mod config;
mod convert;
mod failure;
mod join;
mod verb;

pub(crate) use config::config_error;
pub(crate) use convert::from_object_store;
pub use failure::ServiceFailure;
pub(crate) use failure::{is_absent, is_refused};
pub(crate) use join::aborted;
pub(crate) use verb::Verb;
