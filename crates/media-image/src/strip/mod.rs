//! Metadata removed without decoding a pixel.

mod gif;
mod jpeg;
mod png;
mod remove;
mod webp;

pub use remove::strip_metadata;
