//! Answers whose media is received as it arrives, for those who bring their own transport.
//!
//! An answer with a picture is some hundred bytes of JSON around megabytes of base64. A reader takes
//! it in pieces that are cut anywhere, hands what it decodes to a
//! [`MediaReceiver`](crate::receive::MediaReceiver), and holds the JSON only: memory does not depend
//! on the size of the media. It is the counterpart of
//! [`RequestBody`](super::wire::RequestBody).
//!
//! ```
//! use conversation_sdk::provider::answer::AnswerReader;
//! use conversation_sdk::provider::wire::WireForm;
//! use conversation_sdk::receive::MediaReceiver;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), conversation_sdk::ProviderError> {
//! // In a provider, the receiver is that of its media context.
//! let mut reader = AnswerReader::new(WireForm::GeminiContents, &MediaReceiver::in_memory());
//! for piece in [
//!     &br#"{"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"image/png","da"#[..],
//!     br#"ta":"iVBORw0KGgo="}}]}}]}"#,
//! ] {
//!     reader.push(piece).await?;
//! }
//! let answer = reader.finish().await?;
//! let picture = answer.media_at("/candidates/0/content/parts/0/inlineData/data");
//! assert_eq!(picture.and_then(|picture| picture.size()), Some(8));
//! # Ok(())
//! # }
//! ```
//!
//! # Map
//! - [`AnswerReader`], [`EventReader`] (`reader`) · [`Answer`] (`json`) · `form`: where each API has
//!   media
//! - `intake`: from pieces to JSON and media · `sieve`: JSON whose media is decoded as it arrives ·
//!   `place`: where in JSON media is · `escape`: escapes in it · `sse`: events

mod escape;
pub(crate) mod form;
pub(crate) mod intake;
mod json;
pub(crate) mod place;
mod reader;
pub(crate) mod sieve;
pub(crate) mod sse;

pub use json::Answer;
pub use reader::{AnswerReader, EventReader};
