//! Files of text, which every model reads as words.

use std::collections::HashMap;

use conversation_types::{Message, Part};
use media_loader::MediaLoader;
use media_types::{MediaContent, MediaSource, Mime};

use crate::media::position_hash;

/// Most bytes of one file that goes as words, and of all files of a request.
const MAX_FILE: u64 = 256 * 1024;
const MAX_ALL: u64 = 4 * 1024 * 1024;

/// Types that are text and do not begin with `text/`.
const TYPES: [&str; 6] = [
    "application/json",
    "application/x-ndjson",
    "application/xml",
    "application/yaml",
    "application/x-yaml",
    "application/toml",
];

/// Types that an API takes as files of its own kind.
const TAKEN_AS_FILES: [(&str, &str); 1] = [("gemini", "text/plain")];

/// The files of text of a request, loaded.
#[derive(Debug, Default)]
pub(super) struct LoadedTexts(HashMap<u64, String>);

impl LoadedTexts {
    /// Loads the files of text that messages hold, the oldest first, as far as there is room. What
    /// cannot be loaded, or is no UTF-8, stays a media item.
    pub(super) async fn load(family: &str, messages: &[Message], loader: &MediaLoader) -> Self {
        let mut loaded = HashMap::new();
        let mut left = MAX_ALL;
        let parts = messages.iter().flat_map(|message| &message.content);
        for content in parts.filter_map(Part::as_media) {
            let is_file = matches!(
                content.source(),
                MediaSource::Inline(_) | MediaSource::Stored(_)
            );
            if !is_file || !is_text(content.mime()) || is_taken(family, content.mime()) {
                continue;
            }
            let key = position_hash(content);
            if loaded.contains_key(&key) {
                continue;
            }
            let options = loader.options().clone().with_max_bytes(left.min(MAX_FILE));
            let Ok(bytes) = loader.with_options(options).bytes(content).await else {
                continue;
            };
            if let Ok(text) = std::str::from_utf8(&bytes) {
                left = left.saturating_sub(bytes.len() as u64);
                loaded.insert(key, words(content, text));
            }
        }
        Self(loaded)
    }

    /// Returns the words of a file.
    pub(super) fn get(&self, content: &MediaContent) -> Option<&str> {
        if self.0.is_empty() || !is_text(content.mime()) {
            return None;
        }
        self.0.get(&position_hash(content)).map(String::as_str)
    }
}

fn is_text(mime: &Mime) -> bool {
    let mime = mime.as_str();
    mime.starts_with("text/") || TYPES.contains(&mime) || mime.ends_with("+json")
}

fn is_taken(family: &str, mime: &Mime) -> bool {
    TAKEN_AS_FILES.contains(&(family, mime.as_str()))
}

fn words(content: &MediaContent, text: &str) -> String {
    let name = content
        .filename()
        .map(|name| name.replace(['"', '\n', '\r'], " "));
    match name {
        Some(name) => format!("[file \"{name}\", {}]\n{text}", content.mime()),
        None => format!("[file, {}]\n{text}", content.mime()),
    }
}
