//! Uploads in one piece.

mod early;
#[cfg(feature = "resumable")]
mod sharing;
pub(crate) mod site;
mod still;
mod taking;
