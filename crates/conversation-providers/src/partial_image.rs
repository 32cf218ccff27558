//! Previews of images that are still being made.

use std::fmt;

use bytes::Bytes;
use media_types::{Mime, base64};
use serde::ser::{Serialize, SerializeStruct, Serializer};

/// A preview of an image that is still being made. `Debug` prints its size.
///
/// Previews are for eyes: they are no media of the answer, are not stored, and do not go back to the
/// model. Each takes the place of the one before it; the image takes that of the last.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartialImage {
    /// What distinguishes the image from others of an answer: the id of its item, or the call of
    /// the tool that makes it; empty where it has none.
    pub item: String,
    /// The number of the preview, from 0.
    pub index: u32,
    /// The MIME type.
    pub mime: Mime,
    /// The bytes: at most [`MAX_BYTES`](Self::MAX_BYTES).
    pub bytes: Bytes,
}

impl PartialImage {
    /// The largest preview, in bytes: 4 MiB. Larger ones are dropped.
    pub const MAX_BYTES: u64 = 4 * 1024 * 1024;

    /// Creates a preview.
    pub fn new(item: impl Into<String>, index: u32, mime: Mime, bytes: impl Into<Bytes>) -> Self {
        Self {
            item: item.into(),
            index,
            mime,
            bytes: bytes.into(),
        }
    }
}

impl fmt::Debug for PartialImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PartialImage({}, {}, {} bytes)",
            self.index,
            self.mime,
            self.bytes.len()
        )
    }
}

impl Serialize for PartialImage {
    /// An object of `item`, `index`, `mime_type` and `data` in base64.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("PartialImage", 4)?;
        fields.serialize_field("item", &self.item)?;
        fields.serialize_field("index", &self.index)?;
        fields.serialize_field("mime_type", self.mime.as_str())?;
        fields.serialize_field("data", &base64::encode(&self.bytes))?;
        fields.end()
    }
}
