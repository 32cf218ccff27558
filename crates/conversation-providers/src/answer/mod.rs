//! Answers whose media is received as it arrives, for a transport of your own.
//!
//! An answer with an image is some hundred bytes of JSON around megabytes of base64. A reader takes
//! it in chunks that are cut anywhere, hands what it decodes to a
//! [`MediaSink`](crate::sink::MediaSink), and holds the JSON only: memory does not depend on the
//! size of the media. It is the counterpart of [`RequestBody`](crate::body::RequestBody).
//!
//! ```
//! use conversation_providers::ApiFormat;
//! use conversation_providers::answer::AnswerReader;
//! use conversation_providers::sink::MediaSink;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), conversation_providers::ProviderError> {
//! // In a provider, the sink is that of its media context.
//! let mut reader = AnswerReader::new(ApiFormat::GEMINI_CONTENTS, &MediaSink::in_memory());
//! for chunk in [
//!     &br#"{"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"image/png","da"#[..],
//!     br#"ta":"iVBORw0KGgo="}}]}}]}"#,
//! ] {
//!     reader.push(chunk).await?;
//! }
//! let answer = reader.finish().await?;
//! let image = answer.media_at("/candidates/0/content/parts/0/inlineData/data");
//! assert_eq!(image.and_then(|image| image.size()), Some(8));
//! # Ok(())
//! # }
//! ```

// `path`: where in JSON media is · `decoder`, `events`: from chunks to JSON and media ·
// `extractor`: JSON whose media is decoded as it arrives · `matcher`: where in JSON media is ·
// `escapes`: escapes in it · `sse`: events ·
// `text`, `repair`: text with halves of UTF-16 pairs
mod decoded;
mod decoder;
mod error;
mod escapes;
mod events;
mod extractor;
mod json;
mod limits;
mod matcher;
mod path;
mod reader;
mod repair;
mod sse;
#[cfg(feature = "http-client")]
mod text;

pub use decoded::Decoded;
#[cfg(feature = "http-client")]
pub(crate) use decoder::ResponseDecoder;
#[cfg(feature = "http-client")]
pub(crate) use error::DecodeError;
#[cfg(feature = "http-client")]
pub(crate) use events::EventDecoder;
#[cfg(feature = "openai")]
pub(crate) use extractor::extracted_media;
pub use json::Answer;
#[cfg(feature = "http-client")]
pub(crate) use limits::DecodeLimits;
pub use path::{JsonPath, Step};
pub use reader::{AnswerReader, EventReader};
#[cfg(feature = "http-client")]
pub(crate) use repair::parse_tolerant;
#[cfg(feature = "http-client")]
pub(crate) use text::{LossyString, TextJoiner};
