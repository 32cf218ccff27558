//! The images endpoint.
//!
//! - `generator`: the image generator · `form`: bodies of requests · `attempt`: one request
//! - `response`: its answers

mod attempt;
mod form;
mod generator;
mod response;

pub use generator::OpenAiImages;
