//! What is known of a media item before it is sent.

use std::time::Duration;

use media_types::{MediaContent, Mime};
use serde_json::Value;

/// Properties of one media item that a prompt may limit. What is `None` is not checked.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MediaProperties<'a> {
    /// The MIME type.
    pub mime: &'a Mime,
    /// The decoded size in bytes.
    pub size: Option<u64>,
    /// Whether the item has a caption.
    pub has_caption: bool,
    /// Whether the item has a title or a description.
    pub has_metadata: bool,
    /// How long the item lasts.
    pub duration: Option<Duration>,
    /// The number of pages.
    pub pages: Option<u64>,
}

impl<'a> MediaProperties<'a> {
    /// Creates the properties of an item of which only the MIME type is known.
    #[must_use]
    pub fn new(mime: &'a Mime) -> Self {
        Self {
            mime,
            size: None,
            has_caption: false,
            has_metadata: false,
            duration: None,
            pages: None,
        }
    }

    /// Sets the decoded size in bytes, as for a file whose content does not know it.
    #[must_use]
    pub fn with_size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }
}

impl<'a> From<&'a MediaContent> for MediaProperties<'a> {
    /// Takes what the content says about itself. The size of a file or a URL is not known.
    fn from(content: &'a MediaContent) -> Self {
        let has_text = |name: &str| {
            content
                .attribute(name)
                .and_then(Value::as_str)
                .is_some_and(|text| !text.is_empty())
        };
        Self {
            mime: content.mime(),
            size: content.size(),
            has_caption: has_text("caption"),
            has_metadata: has_text("title") || has_text("description"),
            duration: content.duration(),
            pages: content.attribute("pages").and_then(Value::as_u64),
        }
    }
}
