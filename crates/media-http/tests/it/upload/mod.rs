//! Uploads in one piece.

mod early;
pub(crate) mod site;
mod still;
mod taking;
