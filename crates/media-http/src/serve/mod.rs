//! Answering requests for media.

mod body;
mod conditions;
mod headers;
mod range;
mod respond;
mod service;
mod settings;

#[cfg(feature = "upload")]
pub(crate) use body::BoxError;

pub use body::ResponseBody;
pub use service::MediaService;
