//! Taking uploads.

mod answer;
mod intake;
mod multipart;
mod policy;
mod service;
mod stream;
mod target;
mod typing;

#[cfg(feature = "resumable")]
pub(crate) use answer::{UploadFailure, respond, respond_items};
#[cfg(feature = "resumable")]
pub(crate) use intake::{Declared, Intake, sign_links};
#[cfg(feature = "resumable")]
pub(crate) use stream::{Incoming, unreadable};
#[cfg(feature = "resumable")]
pub(crate) use typing::type_of;

pub use answer::UploadedMedia;
pub use policy::{UploadGrant, UploadPolicy, UploadRefusal};
pub use service::UploadService;
pub use target::UploadTarget;
