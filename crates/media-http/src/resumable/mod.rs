//! Uploads that survive a broken connection: the protocol tus 1.0.

mod answer;
mod append;
mod checksum;
mod directory;
mod error;
mod finish;
mod granted;
mod handler;
mod headers;
mod held;
mod id;
mod index;
mod options;
mod record;
mod service;
mod slot;
mod spool;

pub use error::{ResumableError, ResumableErrorKind};
pub use options::SpoolOptions;
pub use service::ResumableUploadService;
pub use spool::UploadSpool;
