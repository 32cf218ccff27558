//! Renditions of stored images, kept beside them.

mod child;
mod error;
mod flights;
mod inventory;
mod layer;
mod make;
mod orphans;
mod signer;
mod slots;
mod stored;

pub use child::{PARENT_TAG, RENDITION_TAG, parent_of};
pub use error::RenditionError;
pub use layer::Renditions;
pub use slots::MAX_RENDITIONS;
pub(crate) use stored::OpenImage;
