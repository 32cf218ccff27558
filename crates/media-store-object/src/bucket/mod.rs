//! The bucket: names of objects, and the requests that everything else is made of.

mod handle;
mod headers;
mod keys;
mod multipart;
mod send;

pub(crate) use handle::{Bucket, Swap, Version};
pub(crate) use headers::{attributes, content_disposition, shared_attributes};
pub(crate) use keys::{Keys, MarkerName, MediaKey, OuterObject};
pub(crate) use multipart::Multipart;
pub(crate) use send::{PartOptions, send};
