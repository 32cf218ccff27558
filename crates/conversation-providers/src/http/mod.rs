//! What providers over HTTP share.
//!
//! - `secret`, `settings`, `setters`: configuration · `client`: the client and its requests
//! - `send_body`: a request body that streams its media · `deadlines`: how long to wait
//! - `attempts`: when to send a request again · `read`: bounded reading of answers
//! - `status`: from what failed to a [`ProviderError`](crate::ProviderError) · `redact`: what a
//!   provider said, without secrets

mod attempts;
mod client;
mod deadlines;
mod read;
mod redact;
mod resource;
mod secret;
mod send_body;
mod setters;
mod settings;
mod status;

pub(crate) use attempts::Attempts;
pub(crate) use client::HttpClient;
pub(crate) use deadlines::{SendProgress, wait_for_answer, wait_idle};
pub(crate) use read::{check_len, is_event_stream, next_chunk, read_error_body};
pub(crate) use secret::Secret;
pub(crate) use send_body::{FailureSlot, SendBody};
pub(crate) use setters::http_setters;
pub use settings::HttpSettings;
pub(crate) use settings::KeyHeader;
pub(crate) use status::{kind_of_status, transport_error, with_headers};
