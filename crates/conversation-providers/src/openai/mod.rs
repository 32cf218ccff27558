//! OpenAI's APIs, and the servers that are compatible with them.
//!
//! - `chat`: chat completions · `responses`: Responses · `images`: the images endpoint
//! - `api_error`, `refusal`: error bodies, and what they mean for the request · `usage`: token counts

mod chat;
mod names;
mod responses;

#[cfg(feature = "openai")]
mod api_error;
#[cfg(feature = "openai")]
mod images;
#[cfg(feature = "openai")]
mod refusal;
#[cfg(feature = "openai")]
mod usage;

#[cfg(feature = "openai")]
pub use chat::OpenAiProvider;
#[cfg(feature = "openai")]
pub use images::OpenAiImages;
#[cfg(feature = "openai")]
pub use responses::ResponsesProvider;
