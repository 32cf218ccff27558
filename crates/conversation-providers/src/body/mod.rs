//! Request bodies, for a transport of your own.
//!
//! A [`RequestBody`] is written in one of four [`ApiFormat`](crate::ApiFormat)s but for its media,
//! which is read from where it is while the body is sent: memory does not depend on its size, and
//! the length is known before the first byte. The same body can be sent again; its media is then
//! read again.
//!
//! ```
//! use conversation_providers::body::RequestBody;
//! use conversation_providers::{ApiFormat, Capabilities, MediaContext, ProviderRequest};
//! use conversation_types::Message;
//! use futures_util::TryStreamExt;
//!
//! # async fn run(media: MediaContext) -> Result<(), Box<dyn std::error::Error>> {
//! let messages = [Message::user("What do you see?")];
//! let request = ProviderRequest::new(&messages).with_system(Some("Be brief."));
//! let format = ApiFormat::ANTHROPIC_MESSAGES;
//! let api = Capabilities::builtin().api(format.capability_name()).unwrap_or_default();
//! let body = RequestBody::new(format, "claude-sonnet-4-5", &request, &api, &media).await?;
//! println!("content-type: {}", body.content_type());
//! println!("content-length: {}", body.len());
//! let mut chunks = body.stream();
//! while let Some(chunk) = chunks.try_next().await? {
//!     // Write it to the connection. On an error close the connection: the request is not whole.
//! #   let _ = chunk;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The same history gives the same text, byte for byte, as long as the store signs the same URLs
//! for it (stores do within a window) and its media is there. Messages come last, so that the body
//! of one turn, but for its closing brackets, begins the body of the next.
//!
//! [`Multipart`] bodies carry uploads: files for providers that give ids for them, images to be
//! edited.

mod chunks;
mod multipart;
mod request_body;
mod write;

pub use chunks::BodyChunks;
#[cfg(feature = "http-client")]
pub(crate) use chunks::chunks;
pub use multipart::Multipart;
pub use request_body::RequestBody;
#[cfg(feature = "http-client")]
pub(crate) use write::write_template;
