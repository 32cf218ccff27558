//! Files of text, which every model reads as words.

use std::collections::{HashMap, VecDeque};

use conversation_types::{Message, Part};
use media_loader::MediaLoader;
use media_types::{MediaContent, MediaSource, Mime};

use crate::media::position_hash;

/// Most bytes of one file that goes as words, and of all files of a request.
const MAX_FILE: u64 = 256 * 1024;
const MAX_ALL: u64 = 4 * 1024 * 1024;
/// How much is left of the files once there are more: the beginning of the requests then stays the same for
/// many turns.
const AFTER_STEP: u64 = MAX_ALL / 4 * 3;

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
    /// Loads the files of text that messages hold: the newest, as far as there is room. What cannot be
    /// loaded, or is no UTF-8, stays a media item.
    pub(super) async fn load(family: &str, messages: &[Message], loader: &MediaLoader) -> Self {
        let parts = messages.iter().flat_map(|message| &message.content);
        let files = parts.filter_map(Part::as_media).filter(|content| {
            is_text(content.mime())
                && !is_taken(family, content.mime())
                && size(content).is_some_and(|size| size <= MAX_FILE)
        });
        let files: Vec<&MediaContent> = files.collect();
        let sizes = files.iter().filter_map(|content| size(content));
        let first = first_within(sizes);
        let options = loader.options().clone().with_max_bytes(MAX_FILE);
        let loader = loader.with_options(options);
        let mut loaded = HashMap::new();
        for content in files.into_iter().skip(first) {
            let key = position_hash(content);
            if loaded.contains_key(&key) {
                continue;
            }
            let Ok(bytes) = loader.bytes(content).await else {
                continue;
            };
            if let Ok(text) = std::str::from_utf8(&bytes) {
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

/// The size of a file, inline or stored; one that is not known counts as the largest.
fn size(content: &MediaContent) -> Option<u64> {
    match content.source() {
        MediaSource::Inline(bytes) => Some(bytes.len() as u64),
        MediaSource::Stored(reference) => Some(reference.size().unwrap_or(MAX_FILE)),
        _ => None,
    }
}

/// The first file that there is room for. Each time that the files get too many, the oldest go, down to
/// three quarters of the room: what was decided for the files before stays.
fn first_within(sizes: impl Iterator<Item = u64>) -> usize {
    let (mut first, mut sum) = (0, 0);
    let mut kept = VecDeque::new();
    for size in sizes {
        kept.push_back(size);
        sum += size;
        let limit = if sum > MAX_ALL { AFTER_STEP } else { MAX_ALL };
        while sum > limit
            && let Some(oldest) = kept.pop_front()
        {
            sum -= oldest;
            first += 1;
        }
    }
    first
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_leave_in_steps_and_the_newest_never_does() {
        let firsts = |size: u64| -> Vec<usize> {
            let mut firsts: Vec<usize> = (1..=64)
                .map(|count| first_within(std::iter::repeat_n(size, count)))
                .collect();
            assert!(
                firsts
                    .iter()
                    .enumerate()
                    .all(|(last, first)| first <= &last)
            );
            firsts.dedup();
            firsts
        };
        assert_eq!(firsts(MAX_FILE), [0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50]);
        assert_eq!(firsts(MAX_ALL / 64), [0]);
        assert_eq!(first_within([0; 100].into_iter()), 0);
    }
}
