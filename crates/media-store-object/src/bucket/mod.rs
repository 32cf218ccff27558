//! The bucket: names of objects, and the requests that everything else is made of.

mod handle;
mod headers;
mod keys;
mod marker_state;
mod media_key;
mod multipart;
mod names;
mod second_keys;
mod send;

pub(crate) use handle::{Bucket, Creation, Replacement, Swap, Version};
pub(crate) use headers::{attributes, content_disposition, shared_attributes};
pub(crate) use keys::{Keys, MarkerName, OuterObject};
pub(crate) use marker_state::{MarkerState, PROVISIONAL, RETIRED};
pub(crate) use media_key::MediaKey;
pub(crate) use multipart::Multipart;
pub(crate) use names::{ContentName, NameKey};
pub(crate) use second_keys::{SHARDS, SecondKeys, SecondMarker, UserEntry};
pub(crate) use send::{PartOptions, send};
