//! What is known of a media item before it is sent.

use std::time::Duration;

use media_types::{MediaContent, Mime};
use serde_json::Value;

/// Properties of one media item that a prompt may limit. What is not known is not checked.
#[derive(Clone, Copy, Debug)]
pub struct MediaProperties<'a> {
    pub(super) mime: &'a Mime,
    pub(super) size: Option<u64>,
    pub(super) caption: bool,
    pub(super) metadata: bool,
    pub(super) duration: Option<Duration>,
    pub(super) pages: Option<u64>,
}

impl<'a> MediaProperties<'a> {
    /// Creates the properties of an item of which only the MIME type is known.
    #[must_use]
    pub fn new(mime: &'a Mime) -> Self {
        Self {
            mime,
            size: None,
            caption: false,
            metadata: false,
            duration: None,
            pages: None,
        }
    }

    /// Sets the decoded size in bytes. Defaults to unknown.
    #[must_use]
    pub fn with_size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }

    /// Sets whether the item has a caption. Defaults to false.
    #[must_use]
    pub fn with_caption(mut self, present: bool) -> Self {
        self.caption = present;
        self
    }

    /// Sets whether the item has a title or a description. Defaults to false.
    #[must_use]
    pub fn with_metadata(mut self, present: bool) -> Self {
        self.metadata = present;
        self
    }

    /// Sets how long the item lasts. Defaults to unknown.
    #[must_use]
    pub fn with_duration(mut self, duration: Duration) -> Self {
        self.duration = Some(duration);
        self
    }

    /// Sets the number of pages. Defaults to unknown.
    #[must_use]
    pub fn with_pages(mut self, pages: u64) -> Self {
        self.pages = Some(pages);
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
            caption: has_text("caption"),
            metadata: has_text("title") || has_text("description"),
            duration: content.duration(),
            pages: content.attribute("pages").and_then(Value::as_u64),
        }
    }
}
