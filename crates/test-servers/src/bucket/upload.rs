//! A multipart upload, in progress or completed.

use std::collections::BTreeMap;

use super::object::{Attributes, Object};
use super::staging::Piece;

#[derive(Debug)]
pub(super) struct Upload {
    pub(super) key: String,
    pub(super) attributes: Attributes,
    pub(super) parts: BTreeMap<u32, Piece>,
}

/// A completed upload, for a client that repeats the request because the response was lost.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) key: String,
    pub(super) completed: Completed,
}

/// Result of completing an upload.
#[derive(Debug, Clone)]
pub(crate) struct Completed {
    pub(crate) e_tag: String,
    pub(crate) generation: u64,
}

impl From<&Object> for Completed {
    fn from(object: &Object) -> Self {
        Self {
            e_tag: object.e_tag.clone(),
            generation: object.generation,
        }
    }
}
