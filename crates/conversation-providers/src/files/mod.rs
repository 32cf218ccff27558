//! Files that providers keep: media that is uploaded once and named by an id from then on.
//!
//! [`ProviderFiles`] belongs to one account of one provider. It uploads what its [`FilePolicy`]
//! asks for, once for each content, however many requests need it at a time; takes the id as long
//! as the provider keeps the file; uploads again where the provider no longer has it; and deletes
//! with the media ([`ProviderFiles::forget`]). Without it nothing is uploaded.
//!
//! - `policy`: what is uploaded, and for how long · `record`: a file and its key
//! - `registry`: where ids are kept · `rows`: those of a conversation as rows · `tracked`: with what is not written yet
//! - `service`: the trait of an API for files
//! - `openai`, `anthropic`, `gemini`: one API each · `transfer`: what they share
//! - `fresh`: a file that was uploaded just now · `provider_files`: the files of an account

#[cfg(feature = "http-client")]
mod anthropic;
mod fresh;
#[cfg(feature = "http-client")]
mod gemini;
#[cfg(feature = "http-client")]
mod openai;
mod policy;
mod provider_files;
mod recent_names;
mod record;
mod registry;
mod rows;
mod service;
mod tracked;
#[cfg(feature = "http-client")]
mod transfer;

#[cfg(feature = "anthropic")]
pub(crate) use anthropic::VERSION as ANTHROPIC_FILES_VERSION;
pub use policy::FilePolicy;
pub use provider_files::{ProviderFiles, RecordedFiles};
pub use record::{FileKey, FileRecord};
pub use registry::{FileRegistry, MemoryFileRegistry};
pub use rows::FileRows;
pub use service::{FileService, UploadedFile};
pub use tracked::TrackedFiles;
#[cfg(feature = "http-client")]
pub(crate) use transfer::account_of;
