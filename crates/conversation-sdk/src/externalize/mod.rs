//! Media of messages on its way into stores, and what of it is allowed.

mod foreign;

pub use conversation_externalizer::OnStorageError;
pub(crate) use conversation_externalizer::{
    Batch, BatchKind, ExternalizeError, ExternalizeErrorKind, ExternalizeOptions, Externalizer,
    InlineFallback, MediaOwner, PendingReferences, ReceivedInfo, ReceivedLookup, SpawnRollback,
    resolve_opaque,
};
pub(crate) use foreign::{ForeignSource, foreign_sources};
