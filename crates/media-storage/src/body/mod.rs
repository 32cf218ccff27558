//! Bodies: bytes in memory or from a stream, plain or in base64.

mod media_body;
mod streams;

pub use media_body::{BodyData, MediaBody, next};
pub use streams::{ByteStream, invalid_base64};
