//! Moving the bytes of messages into media stores and keeping references.
//!
//! [`Externalizer::externalize`] takes a batch of messages: it finds their media in whatever form
//! (media parts, `data:` URIs in text, objects in the results of tools, opaque data of providers),
//! corrects types, stores what is large, and changes the messages at the end, in one moment.
//! [`PendingReferences`] holds what was stored until a state names it.

#![allow(
    unused_imports,
    unreachable_pub,
    reason = "the crate is being assembled"
)]

mod apply;
mod base64_text;
mod candidate;
mod context;
mod data_uri;
mod draft;
mod duplicate;
mod error;
mod escapes;
mod externalizer;
mod extract;
mod fallback;
mod foreign;
mod history;
mod json_tokens;
mod media_kind;
mod nested;
mod opaque;
mod options;
mod pacer;
mod pending;
mod received;
mod report;
mod shape_media;
mod shapes;
mod split;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use context::{Batch, BatchKind, MediaOwner};
pub(crate) use error::{ExternalizeError, ExternalizeErrorKind};
pub(crate) use externalizer::Externalizer;
pub(crate) use foreign::{ForeignSource, foreign_sources};
pub(crate) use history::HistoryProgress;
pub(crate) use opaque::{UnresolvedOpaque, resolve_opaque};
pub(crate) use options::ExternalizeOptions;
pub use options::OnStorageError;
pub(crate) use pending::{PendingReferences, SpawnRollback};
pub(crate) use received::{NothingReceived, ReceivedInfo, ReceivedLookup};
pub(crate) use report::ExternalizeReport;
pub use report::{InlineFallback, OmittedItem, TypeCorrection};
