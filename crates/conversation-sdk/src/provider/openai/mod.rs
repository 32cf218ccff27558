//! OpenAI's API, and the servers that speak it.
//!
//! - `chat`: chat completions; `reply` reads a whole answer, `stream` one in pieces, `failure` what
//!   went wrong
//! - `images`: pictures; `pictures` reads them while they arrive
//! - `learned`: what a provider remembers between requests

mod chat;
mod failure;
mod images;
mod learned;
mod pictures;
mod reply;
mod stream;

pub use chat::OpenAiProvider;
pub use images::OpenAiImages;

/// The provider's word.
const NAME: &str = "openai";
/// Where the API is unless told otherwise.
const BASE_URL: &str = "https://api.openai.com/v1";
