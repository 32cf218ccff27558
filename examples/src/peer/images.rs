//! `POST /v1/images/generations` and `POST /v1/images/edits`.

mod edits;
mod generations;
mod order;

pub use edits::edit;
pub use generations::generate;
pub(super) use order::is_image_model;
