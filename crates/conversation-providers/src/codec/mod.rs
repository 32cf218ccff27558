//! The JSON of each API's requests.
//!
//! - `options`: what a request consists of beside its messages · `shared`: what the codecs share
//! - `chat`, `responses`, `anthropic`, `gemini`: one API each · `render`: the choice among them

mod anthropic;
mod chat;
mod gemini;
mod options;
mod render;
mod responses;
mod shared;

pub(crate) use options::CodecOptions;
pub(crate) use render::render;
