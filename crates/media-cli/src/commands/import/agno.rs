//! Sessions of Agno, as rows of its tables in JSON.

use std::borrow::Cow;

use conversation_sdk::{Message, Part};
use media_types::{MediaContent, Mime};
use serde_json::Value;

use super::foreign::{Foreign, items, text_of};
use super::media::{base64, type_of, url};
use super::openai;

const MEDIA_KEYS: [&str; 7] = [
    "images",
    "audio",
    "videos",
    "files",
    "image_output",
    "audio_output",
    "video_output",
];

/// Reads a row: a session with its runs, or a list of messages.
pub(super) fn read(row: &Value) -> Foreign {
    let mut conversation = Foreign {
        id: text_of(row, &["session_id"]).map(str::to_owned),
        user: text_of(row, &["user_id"]).map(str::to_owned),
        session: text_of(row, &["session_id"]).map(str::to_owned),
        ..Foreign::default()
    };
    let memory = decoded(row.get("memory")).unwrap_or(Cow::Borrowed(row));
    let runs = decoded(row.get("runs")).or_else(|| decoded(memory.get("runs")));
    let runs = items(runs.as_deref());
    for run in runs {
        // Older versions keep what a run answered one level deeper.
        let run = run.get("response").unwrap_or(run);
        messages(items(run.get("messages")), &mut conversation);
    }
    if runs.is_empty() {
        messages(items(memory.get("messages")), &mut conversation);
    }
    conversation
}

/// Returns a value, or what it holds as the text of JSON: so it is where the database has no type for JSON, and
/// once more where the program wrote it as text.
fn decoded(value: Option<&Value>) -> Option<Cow<'_, Value>> {
    let mut value = Cow::Borrowed(value?);
    for _ in 0..2 {
        let Some(Ok(inner)) = value.as_str().map(serde_json::from_str) else {
            break;
        };
        value = Cow::Owned(inner);
    }
    Some(value)
}

/// Reads messages; those that a run repeats from the history are left out.
pub(super) fn messages(all: &[Value], conversation: &mut Foreign) {
    for value in all {
        if value.get("from_history") != Some(&Value::Bool(true)) {
            let message = message(value, conversation);
            conversation.push(message);
        }
    }
}

fn message(value: &Value, conversation: &mut Foreign) -> Message {
    let mut plain = value.clone();
    if let Some(fields) = plain.as_object_mut() {
        fields.remove("audio");
    }
    let mut message = openai::message(&plain);
    for key in MEDIA_KEYS {
        let several = items(value.get(key));
        let single = value.get(key).filter(|value| value.is_object());
        for item in several.iter().chain(single) {
            match media(item) {
                Some(media) => message.content.push(Part::Media(media)),
                None => conversation.missing += 1,
            }
        }
    }
    message
}

/// Bytes or an address. A path on the other program's machine is not followed.
fn media(item: &Value) -> Option<MediaContent> {
    let format = text_of(item, &["format"]).and_then(Mime::from_extension);
    let mime = type_of(item).or(format);
    match text_of(item, &["content"]) {
        Some(content) => url(content, None).or_else(|| base64(content, mime)),
        None => url(text_of(item, &["url"])?, mime),
    }
}
