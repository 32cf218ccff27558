//! A stand-in for OpenAI's service on this machine, so that the examples run without a key.
//!
//! It speaks the same HTTP API, with the same strictness where that protects from surprises: chat completions (plain
//! and streamed, with tool calls and images) and images generations. The library cannot tell the difference.
//!
//! - [`process`]: the peer as a child process of the example
//! - [`server`]: routes, keys, limits
//! - [`chat`]: chat completions; `transcript` reads the request, `reply` decides the answer, `stream` sends it in pieces
//! - [`images`]: images generations
//! - [`painter`]: paints the images
//! - [`photos`]: says what it sees in the images that were sent
//! - [`refusal`]: error bodies

pub mod chat;
pub mod images;
pub mod painter;
pub mod photos;
pub mod process;
pub mod refusal;
pub mod server;

/// The chat model that the examples ask for unless told otherwise.
pub const CHAT_MODEL: &str = "gpt-5.4-mini";

/// The image model that the examples ask for unless told otherwise.
pub const IMAGE_MODEL: &str = "gpt-image-1-mini";

/// A rough count, close enough for a bill that nobody pays: four characters a token.
fn text_tokens(text: &str) -> u64 {
    (text.chars().count() as u64).div_ceil(4).max(1)
}

fn unix_seconds() -> u64 {
    use std::time::{SystemTime, UNIX_EPOCH};
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn encode_base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
