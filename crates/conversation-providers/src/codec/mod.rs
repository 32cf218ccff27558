//! What the JSON of the APIs has in common.
//!
//! - `options`: what a request consists of beside its messages · `spec`: what a format consists of
//! - `shared`: what the formats share

mod options;
mod shared;
mod spec;

pub use options::CodecOptions;
pub(crate) use shared::{
    Fields, arguments, arguments_text, document_name, kind_of, rename, unsupported,
};
pub use spec::{FormatSpec, Render};
