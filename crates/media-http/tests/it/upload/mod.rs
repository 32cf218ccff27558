//! Uploads in one piece.

pub(crate) mod site;
mod still;
mod taking;
