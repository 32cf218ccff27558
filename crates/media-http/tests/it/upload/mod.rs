//! Uploads in one piece.

mod early;
mod gone;
#[cfg(feature = "resumable")]
mod sharing;
pub(crate) mod site;
mod still;
mod taking;
