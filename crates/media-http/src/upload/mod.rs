//! Taking uploads.

mod answer;
mod head;
mod intake;
mod multipart;
mod policy;
mod service;
mod stream;
mod target;
mod typing;

#[cfg(feature = "resumable")]
pub(crate) use answer::{UploadFailure, respond_items};
#[cfg(feature = "resumable")]
pub(crate) use head::check_plain;
#[cfg(feature = "resumable")]
pub(crate) use intake::{Declared, Intake, sign_links};
#[cfg(feature = "resumable")]
pub(crate) use typing::type_of;

pub use answer::UploadedMedia;
pub use policy::{UploadGrant, UploadPolicy, UploadRefusal};
pub use service::UploadService;
pub use target::UploadTarget;
