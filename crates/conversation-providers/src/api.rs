//! An API of your own, on the core that all providers here share.
//!
//! What differs from API to API is an [`Api`]: where requests go, how answers are read and what
//! errors mean, with an [`ApiFormat`](crate::ApiFormat) for the JSON of requests. Sending, media, retries,
//! refused media and parameters, streaming, limits, prices and budgets come from
//! [`HttpProvider`], which is a [`Provider`](crate::Provider). Four files are enough, as
//! they are for the APIs here:
//!
//! | file | holds |
//! |---|---|
//! | `request.rs` | a [`FormatSpec`]: how the API wants the conversation, where answers have media, and the function that writes a request |
//! | `provider.rs` | the `Api`: its name, endpoint, key header, and what it accepts |
//! | `decoder.rs` | an `AnswerDecoder`: events of the API to events of an answer |
//! | `error.rs` | error bodies, and what they mean for the request |
//!
//! A [`FormatSpec`] needs no HTTP client: with a transport of your own, it is what
//! [`RequestBody`](crate::body::RequestBody) and [`AnswerReader`](crate::answer::AnswerReader) take.
//! The feature `http-client` has the rest.

pub use crate::answer::{Decoded, JsonPath, Step};
pub use crate::codec::{CodecOptions, FormatSpec, Render};
#[cfg(feature = "http-client")]
pub use crate::http::HttpSettings;
#[cfg(feature = "http-client")]
pub use crate::http_provider::{
    AnswerAssembly, AnswerDecoder, Api, Endpoint, Events, FailedResponse, HttpProvider, Refusal,
};
pub use crate::template::Json;
pub use crate::transcript::{CallIds, Transcript, WireCall, WireMessage, WirePart};
