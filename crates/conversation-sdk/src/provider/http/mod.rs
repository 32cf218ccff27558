//! What providers over HTTP share.
//!
//! - `client`: the client with its TLS, one per provider, and what a request needs
//! - `settings`: the setters that all providers share
//! - `body`: a request body that streams its media
//! - `retry`: when to try again, and how long to wait
//! - `read`: bounded reading of answers
//! - `failure`: from what went wrong to a [`ProviderError`](super::ProviderError)

pub(crate) mod body;
pub(crate) mod client;
pub(crate) mod failure;
pub(crate) mod read;
pub(crate) mod retry;
pub(crate) mod settings;
