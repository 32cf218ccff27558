//! A directory of PromptKit: states as JSON, and the media that they name.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use conversation_sdk::{Message, Part, Role, ToolCall};
use media_types::{MediaContent, Mime, SNIFF_LEN, sniff};
use serde_json::Value;

use crate::failure::{Failure, Outcome};

use super::foreign::{Foreign, items, role_of, text_of};
use super::media::{media, type_of};
use super::openai::arguments;
use super::parts::{part, parts};

/// A directory of media.
#[derive(Debug)]
pub(super) struct Directory {
    root: PathBuf,
    /// Media by file name, and by file name without its extension.
    by_name: HashMap<String, Vec<PathBuf>>,
    /// Files that may be states.
    pub(super) states: Vec<PathBuf>,
}

impl Directory {
    /// Looks at all files. Links are not followed.
    pub(super) fn open(root: &Path) -> Outcome<Self> {
        let root = std::fs::canonicalize(root).map_err(Failure::io("open", root))?;
        let mut directory = Self {
            root: root.clone(),
            by_name: HashMap::new(),
            states: Vec::new(),
        };
        directory.collect(&root)?;
        directory.states.sort();
        Ok(directory)
    }

    fn collect(&mut self, path: &Path) -> Outcome<()> {
        for entry in std::fs::read_dir(path).map_err(Failure::io("read", path))? {
            let entry = entry.map_err(Failure::io("read", path))?;
            let kind = entry.file_type().map_err(Failure::io("read", path))?;
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if kind.is_dir() {
                self.collect(&path)?;
            } else if !kind.is_file() || name.starts_with('.') || name.ends_with(".meta") {
                // Indexes and sidecars are not needed.
            } else if name.ends_with(".json") {
                self.states.push(path);
            } else {
                let stem = name.rsplit_once('.').map(|(stem, _)| stem.to_owned());
                for name in stem.into_iter().chain([name.into_owned()]) {
                    self.by_name.entry(name).or_default().push(path.clone());
                }
            }
        }
        Ok(())
    }

    /// The file that a reference means: a path, which must lead into the directory, or an id.
    fn find(&self, reference: &Value) -> Option<PathBuf> {
        let details = ["Metadata", "metadata"]
            .iter()
            .find_map(|key| reference.get(*key));
        let names = [
            reference.as_str(),
            details.and_then(|details| text_of(details, &["path"])),
            text_of(reference, &["ID", "id", "path"]),
        ];
        names.into_iter().flatten().find_map(|name| {
            let inside = std::fs::canonicalize(self.root.join(name)).ok();
            let inside = inside.filter(|path| path.starts_with(&self.root) && path.is_file());
            inside.or_else(|| self.moved(name))
        })
    }

    /// The file with the name of a path that leads nowhere: the directory may have been moved since. Of
    /// several, the one in the same directories, or none: another may be somebody else's.
    fn moved(&self, name: &str) -> Option<PathBuf> {
        let mut steps = name.rsplit(['/', '\\']);
        let files = self.by_name.get(steps.next()?)?;
        let steps: Vec<_> = steps.collect();
        let alike = |file: &PathBuf| {
            let inside = file.strip_prefix(&self.root).unwrap_or(file);
            let own = inside.iter().rev().skip(1);
            own.zip(&steps)
                .take_while(|(own, step)| **own == ***step)
                .count()
        };
        let best = files.iter().map(alike).max()?;
        let mut best = files.iter().filter(|file| alike(file) == best);
        best.next().filter(|_| best.next().is_none()).cloned()
    }

    /// The directory, without links.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Reads a state; `None` where the file holds something else.
    pub(super) fn read(&self, state: &Value) -> Option<Foreign> {
        let messages = ["messages", "Messages"]
            .iter()
            .find_map(|key| state.get(*key)?.as_array())?;
        let owned = |keys: &[&str]| text_of(state, keys).map(str::to_owned);
        let mut conversation = Foreign {
            id: owned(&["id", "ID", "conversation_id"]),
            user: owned(&["user_id", "UserID"]),
            session: owned(&["session_id", "SessionID"]),
            system: owned(&["system_prompt", "SystemPrompt"]).filter(|text| !text.is_empty()),
            ..Foreign::default()
        };
        for value in messages {
            let message = self.message(value, &mut conversation.missing);
            conversation.push(message);
        }
        Some(conversation)
    }

    fn message(&self, value: &Value, missing: &mut u64) -> Message {
        let role = role_of(text_of(value, &["role"]).unwrap_or_default());
        let own = items(value.get("parts"));
        let mut content = match own.is_empty() {
            true => parts(value.get("content")),
            false => self.parts(own, missing),
        };
        if let Some(result) = value.get("tool_result").filter(|result| result.is_object()) {
            match items(result.get("parts")) {
                [] if content.is_empty() => content = parts(result.get("content")),
                inner => content.extend(self.parts(inner, missing)),
            }
            let id = text_of(result, &["id", "tool_call_id"]).unwrap_or_default();
            return Message::tool(id, content);
        }
        if role == Role::Tool {
            let id = text_of(value, &["tool_call_id", "id"]).unwrap_or_default();
            return Message::tool(id, content);
        }
        let calls = items(value.get("tool_calls")).iter().map(|call| {
            ToolCall::new(
                text_of(call, &["id"]).unwrap_or_default(),
                text_of(call, &["name"]).unwrap_or_default(),
                arguments(call),
            )
        });
        Message::new(role, content).with_tool_calls(calls.collect())
    }

    fn parts(&self, all: &[Value], missing: &mut u64) -> Vec<Part> {
        let mut found = Vec::new();
        for value in all {
            match value.get("media").filter(|media| media.is_object()) {
                None => found.push(part(value)),
                Some(inner) => match self.media(inner) {
                    Some(content) => found.push(Part::Media(content)),
                    None => {
                        *missing += 1;
                        found.push(Part::text(
                            "[media that was not found when this was imported]",
                        ));
                    }
                },
            }
        }
        found
    }

    fn media(&self, inner: &Value) -> Option<MediaContent> {
        if let Some(content) = media(inner) {
            return Some(content);
        }
        let named = ["storage_reference", "file_path"]
            .iter()
            .filter_map(|key| inner.get(*key));
        let path = named
            .filter(|reference| !reference.is_null())
            .find_map(|reference| self.find(reference))?;
        // It is read when it is stored, by a path that leads nowhere else.
        let mime = type_of(inner).or_else(|| sniffed(&path))?;
        let inside = path.strip_prefix(&self.root).ok()?;
        let content = MediaContent::from_path(mime, inside);
        Some(match text_of(inner, &["caption"]) {
            Some(caption) => content.with_caption(caption),
            None => content,
        })
    }
}

/// The type that a file's first bytes show; `None` for one that cannot be read.
fn sniffed(path: &Path) -> Option<Mime> {
    let mut head = Vec::new();
    let file = File::open(path).ok()?;
    file.take(SNIFF_LEN as u64).read_to_end(&mut head).ok()?;
    Some(sniff(&head).unwrap_or(Mime::OCTET_STREAM))
}
