//! Answering requests for media.

mod conditions;
mod headers;
mod range;
mod respond;
mod service;
mod settings;

pub use service::MediaService;
