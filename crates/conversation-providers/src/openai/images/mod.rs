//! The images endpoint.
//!
//! - `generator`: the image generator · `response`: its answers

mod generator;
mod response;

pub use generator::OpenAiImages;
