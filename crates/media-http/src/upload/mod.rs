//! Taking uploads.

mod answer;
mod intake;
mod multipart;
mod policy;
mod service;
mod stream;
mod target;
mod typing;

pub use answer::UploadedMedia;
pub use policy::{UploadGrant, UploadPolicy, UploadRefusal};
pub use service::UploadService;
pub use target::UploadTarget;
