//! One provider over HTTP for every API.
//!
//! - `api`: what an API consists of · `refusal`: what an error means for the request
//! - `suspects`: the media that an error may mean
//! - `rejections`: what is remembered of refusals · `recovery`: changes to a request that was refused
//! - `streaming`: an answer while it arrives · `attempt`: one request
//! - `core`: the provider · `complete`: a request until it has an answer

mod api;
mod attempt;
mod complete;
mod core;
mod recovery;
mod refusal;
mod rejections;
mod streaming;
mod suspects;

pub(crate) use api::{AnswerDecoder, Api, Endpoint, FailedResponse};
pub(crate) use core::HttpProvider;
pub(crate) use refusal::Refusal;
pub(crate) use suspects::{ErrorText, suspects_by_text};
