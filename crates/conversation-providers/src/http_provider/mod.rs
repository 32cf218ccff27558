//! One provider over HTTP for every API.
//!
//! - `api`: what an API consists of · `refusal`: what an error means for the request
//! - `suspects`: the media that an error may mean
//! - `rejections`: what is remembered of refusals · `recovery`: changes to a request that was refused
//! - `assembly`: the answer that a decoder puts together · `facade`: the public face of a provider
//! - `streaming`: an answer while it arrives · `attempt`: one request
//! - `core`: the provider · `complete`: a request until it has an answer

mod api;
mod assembly;
mod attempt;
mod complete;
mod core;
mod facade;
mod recovery;
mod refusal;
mod rejections;
mod streaming;
mod suspects;

pub(crate) use api::{AnswerDecoder, Api, Endpoint, FailedResponse};
pub(crate) use assembly::{AnswerAssembly, Events, invalid, other_reason};
pub(crate) use core::HttpProvider;
pub(crate) use facade::provider_over_http;
pub(crate) use refusal::Refusal;
pub(crate) use suspects::{ErrorText, suspects_by_text};
