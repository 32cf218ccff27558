//! Uploads in one piece.

pub(crate) mod site;
mod taking;
