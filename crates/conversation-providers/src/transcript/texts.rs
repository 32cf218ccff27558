//! Text files, which every model reads as text.

use std::collections::HashMap;

use conversation_types::Message;
use media_loader::MediaLoader;
use media_types::{MediaContent, MediaSource, Mime};

use super::steps::first_within;

/// Most bytes of one file that goes as text, and of all files of a request.
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

/// Where a part stands: the place of its message, and its own in that.
pub(super) type Place = (usize, usize);

/// The files of text of a request, loaded, by where they stand: two may differ in their name alone.
#[derive(Debug, Default)]
pub(super) struct LoadedTexts(HashMap<Place, String>);

impl LoadedTexts {
    /// Loads the files of text that messages from a place on hold: the newest, as far as there is room.
    /// What cannot be loaded, or is no UTF-8, stays a media item.
    pub(super) async fn load(
        family: &str,
        messages: &[Message],
        from: usize,
        loader: &MediaLoader,
    ) -> Self {
        let messages = messages.iter().enumerate().skip(from);
        let parts = messages.flat_map(|(at, message)| {
            let parts = message.content.iter().enumerate();
            parts.map(move |(index, part)| ((at, index), part))
        });
        let files = parts.filter_map(|(place, part)| {
            let content = part.as_media()?;
            let is_words = is_text(content.mime()) && !is_taken(family, content.mime());
            let size = size(content).filter(|size| is_words && *size <= MAX_FILE)?;
            Some((place, content, size))
        });
        let files: Vec<(Place, &MediaContent, u64)> = files.collect();
        let first = first_within(files.iter().map(|(.., size)| *size), MAX_ALL);
        let options = loader.options().clone().with_max_bytes(MAX_FILE);
        let loader = loader.with_options(options);
        let mut loaded = HashMap::new();
        for (place, content, _) in files.into_iter().skip(first) {
            let Ok(bytes) = loader.bytes(content).await else {
                continue;
            };
            if let Ok(text) = std::str::from_utf8(&bytes) {
                loaded.insert(place, words(content, text));
            }
        }
        Self(loaded)
    }

    /// Returns the text of the file at a place.
    pub(super) fn get(&self, place: Place) -> Option<&str> {
        self.0.get(&place).map(String::as_str)
    }
}

/// The size of a file, inline or stored; one that is not known counts as the largest.
fn size(content: &MediaContent) -> Option<u64> {
    match content.source() {
        MediaSource::Inline(bytes) => Some(bytes.len() as u64),
        MediaSource::Stored(reference) => Some(reference.size().unwrap_or(MAX_FILE)),
        _ => None,
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
