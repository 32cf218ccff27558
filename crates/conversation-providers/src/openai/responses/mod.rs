//! Responses.
//!
//! - `request`: the JSON of requests

mod request;

pub(crate) use request::RESPONSES;
