//! One provider over HTTP for every API.
//!
//! - `api`: what an API consists of · `refusal`: what an error means for the request
//! - `failure`: why an attempt failed
//! - `said`: the text of an error · `wording`: what it says about media · `complaint`: the media
//!   that an error is about · `suspects`: the same by text alone
//! - `uploads`: media that goes by the id of a file
//! - `halving`: finding what is refused where nobody says it
//! - `sent`: what a plan sends
//! - `rejections`: what is remembered of refusals · `recovery`: changes to a request that was refused
//! - `assembly`: the answer that a decoder puts together · `facade`: the public face of a provider
//! - `unwanted`: answers of which nothing came · `stake`: what a request may cost that its caller drops
//! - `streaming`: an answer while it arrives · `attempt`: one request
//! - `core`: the provider · `complete`: a request until it has an answer

mod api;
mod assembly;
mod attempt;
mod complaint;
mod complete;
mod core;
mod facade;
mod failure;
mod halving;
mod recovery;
mod refusal;
mod rejections;
mod said;
mod sent;
mod stake;
mod streaming;
mod suspects;
mod unwanted;
mod uploads;
mod wording;

pub use api::{AnswerDecoder, Api, Endpoint, FailedResponse};
pub use assembly::{AnswerAssembly, Events};
pub(crate) use assembly::{invalid, other_reason};
pub use core::HttpProvider;
pub(crate) use facade::{provider_over_http, provider_setters};
pub(crate) use failure::Failure;
pub use refusal::Refusal;
pub(crate) use rejections::RejectionCache;
pub(crate) use stake::Stake;
pub(crate) use suspects::{ErrorText, suspects_by_text};
pub(crate) use unwanted::{Forget, ForgetRule};
