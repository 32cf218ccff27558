//! Taking uploads.

mod answer;
mod filename;
mod frame;
mod head;
mod idle;
mod intake;
mod links;
mod multipart;
mod policy;
mod service;
mod stream;
mod target;

#[cfg(feature = "resumable")]
pub(crate) use answer::{UploadFailure, respond_items};
#[cfg(feature = "resumable")]
pub(crate) use head::check_plain;
#[cfg(feature = "resumable")]
pub(crate) use idle::{IDLE_TIMEOUT, StoodStill};
#[cfg(feature = "resumable")]
pub(crate) use intake::{Declared, Intake};

pub use answer::UploadedMedia;
pub use filename::safe_filename;
pub use links::sign_links;
pub use policy::{UploadGrant, UploadPolicy, UploadRefusal};
pub use service::UploadService;
pub use target::{SharedUploadTarget, UploadTarget};
