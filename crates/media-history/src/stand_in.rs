//! Text in the place of media that is missing, in the form of the API that the history is for.

use std::collections::HashMap;
use std::io::Cursor;
use std::ops::Range;

use media_storage::RetrieveOptions;
use media_types::StorageReference;
use memchr::memchr2;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};

use crate::error::{HistoryError, HistoryErrorKind, HistoryOperation};
use crate::extract::Tracker;
use crate::placeholder::find;
use crate::report::RestoreReport;
use crate::restore::Restorer;
use crate::scan::grammar::{Grammar, Token};
use crate::settings::Settings;

const OPERATION: HistoryOperation = HistoryOperation::Restore;

/// What stands in for media. Without quotes and backslashes, so that it may stand in JSON inside of
/// strings.
const TEXT: &str = "[media that is no longer available]";

/// Keys of strings that are prose to whoever reads them.
const PROSE: [&[u8]; 6] = [
    b"text",
    b"content",
    b"arguments",
    b"input",
    b"output",
    b"thinking",
];

/// A placeholder whose media is missing.
struct Missing {
    at: usize,
    len: usize,
    reference: StorageReference,
}

/// Where a placeholder stands.
#[derive(Clone, Debug, Default)]
struct Place {
    key: Range<usize>,
    string: Range<usize>,
    /// The part of a message around it: the innermost object that is in an array.
    part: Option<Range<usize>>,
    /// Whether the part belongs to the answer of a function of Gemini, where no text can stand.
    in_answer: bool,
}

/// A container that is open.
struct Frame {
    start: usize,
    key: Range<usize>,
    is_object: bool,
    /// Which of the missing placeholders are in it and in no part inside of it.
    inside: Vec<usize>,
}

/// Writes the restored history, with text in the place of missing media. The slim one is held in memory.
pub(crate) async fn restore<R, W>(
    settings: &Settings,
    mut reader: R,
    writer: W,
) -> Result<RestoreReport, HistoryError>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    let mut slim = Vec::new();
    reader
        .read_to_end(&mut slim)
        .await
        .map_err(|error| HistoryError::new(HistoryErrorKind::Read, OPERATION).with_source(error))?;
    let (resolved, missing) = put(settings, &slim).await?;
    let restorer = Restorer::new(settings.clone(), Cursor::new(resolved))?;
    let mut report = restorer.write_to(writer).await?;
    report.input_bytes = slim.len() as u64;
    report.missing = missing;
    Ok(report)
}

/// Returns the slim history with text in the place of missing media, and how many placeholders that
/// were.
pub(crate) async fn put(settings: &Settings, slim: &[u8]) -> Result<(Vec<u8>, u64), HistoryError> {
    let missing = missing(settings, slim).await?;
    let mut edits = Vec::with_capacity(missing.len());
    for (one, place) in missing.iter().zip(places(slim, &missing)) {
        let edit = place.and_then(|place| edit(slim, one, &place));
        edits.push(edit.ok_or_else(|| {
            let error = HistoryError::new(HistoryErrorKind::Missing, OPERATION)
                .with_reason("no text can stand in its place")
                .with_reference(one.reference.clone());
            match Tracker::path_at(slim, one.at) {
                Some(path) => error.with_path(path),
                None => error,
            }
        })?);
    }
    edits.sort_by_key(|(range, _)| range.start);
    let (mut resolved, mut copied) = (Vec::with_capacity(slim.len()), 0);
    for (range, text) in edits {
        // A part that was replaced already may have held it.
        if range.start >= copied {
            resolved.extend_from_slice(slim.get(copied..range.start).unwrap_or_default());
            resolved.extend_from_slice(text.as_bytes());
            copied = range.end;
        }
    }
    resolved.extend_from_slice(slim.get(copied..).unwrap_or_default());
    Ok((resolved, missing.len() as u64))
}

/// The placeholders whose media is missing, in the order of the text.
async fn missing(settings: &Settings, slim: &[u8]) -> Result<Vec<Missing>, HistoryError> {
    let owner = settings.owner(OPERATION)?;
    let mut seen: HashMap<String, bool> = HashMap::new();
    let mut missing = Vec::new();
    for (at, is_ours, candidate) in find(slim, &settings.key, &owner.tag) {
        if !is_ours {
            continue;
        }
        let reference = candidate.placeholder.reference;
        let uri = reference.to_uri();
        let is_missing = match seen.get(&uri) {
            Some(is_missing) => *is_missing,
            None => {
                let head = RetrieveOptions::new()
                    .with_expected_scope(owner.scope.clone())
                    .with_head();
                let store = settings.store_of(&reference, OPERATION)?;
                let found = store.retrieve_opts(&reference, head).await;
                let found = found.map_err(|error| HistoryError::storage(OPERATION, error));
                match found {
                    Ok(_) => false,
                    Err(error) if error.kind() == HistoryErrorKind::Missing => true,
                    Err(error) => return Err(error.with_reference(reference)),
                }
            }
        };
        seen.insert(uri, is_missing);
        if is_missing {
            missing.push(Missing {
                at,
                len: candidate.len,
                reference,
            });
        }
    }
    Ok(missing)
}

/// Where placeholders stand; `None` for those in keys and behind text that is not JSON.
fn places(slim: &[u8], missing: &[Missing]) -> Vec<Option<Place>> {
    let mut places = vec![None; missing.len()];
    let (mut grammar, mut frames) = (Grammar::default(), Vec::new());
    let (mut key, mut next, mut at) = (0..0, 0, 0);
    while let Some(byte) = slim.get(at) {
        match grammar.byte(*byte) {
            Token::Open { object } => frames.push(Frame {
                start: at,
                key: std::mem::take(&mut key),
                is_object: object,
                inside: Vec::new(),
            }),
            Token::Close => {
                let frame = frames.pop();
                let (start, inside) = frame
                    .map(|frame| (frame.start, frame.inside))
                    .unwrap_or_default();
                for index in inside {
                    if let Some(Some(place)) = places.get_mut(index) {
                        let place: &mut Place = place;
                        place.part = Some(start..at + 1);
                    }
                }
            }
            Token::Key => {
                key = at + 1..string_end(slim, at + 1);
                at = key.end;
                grammar.key_ends();
            }
            Token::Text => {
                let string = at + 1..string_end(slim, at + 1);
                while let Some(one) = missing.get(next).filter(|one| one.at < string.end) {
                    if let Some(place) = places.get_mut(next).filter(|_| one.at > at) {
                        *place = Some(Place {
                            key: key.clone(),
                            string: string.clone(),
                            part: None,
                            in_answer: note(slim, &mut frames, next),
                        });
                    }
                    next += 1;
                }
                at = string.end;
                grammar.value_ends();
            }
            // A byte order mark is all that may stand before JSON.
            Token::Fault | Token::TooDeep if !b"\xef\xbb\xbf".contains(byte) => break,
            _ => {}
        }
        at += 1;
    }
    places
}

/// Notes a placeholder at the part that it is in; returns whether that belongs to the answer of a
/// function.
fn note(slim: &[u8], frames: &mut [Frame], index: usize) -> bool {
    let is_part = |at: &usize| {
        let pair = frames.get(at - 1).zip(frames.get(*at));
        pair.is_some_and(|(array, part)| part.is_object && !array.is_object)
    };
    let Some(at) = (1..frames.len()).rev().find(is_part) else {
        return false;
    };
    let around = at.checked_sub(2).and_then(|around| frames.get(around));
    let key = around.and_then(|around| slim.get(around.key.clone()));
    let in_answer = matches!(key, Some(b"functionResponse" | b"function_response"));
    if let Some(part) = frames.get_mut(at) {
        part.inside.push(index);
    }
    in_answer
}

/// Where the string ends that begins here: its closing quote, or the end of the text.
fn string_end(text: &[u8], mut at: usize) -> usize {
    while let Some(rest) = text.get(at..) {
        match memchr2(b'"', b'\\', rest) {
            Some(found) if rest.get(found) == Some(&b'"') => return at + found,
            Some(found) => at += found + 2,
            None => break,
        }
    }
    text.len()
}

/// What is to be written where; `None` if nothing can stand there.
fn edit(slim: &[u8], one: &Missing, place: &Place) -> Option<(Range<usize>, String)> {
    let end = one.at + one.len;
    let before = slim.get(place.string.start..one.at)?;
    let after = slim.get(end..place.string.end)?;
    let start = before.get(..5).unwrap_or_default();
    let is_uri =
        start.eq_ignore_ascii_case(b"data:") && before.to_ascii_lowercase().ends_with(b"base64,");
    let is_value = after.is_empty() && (is_uri || before.is_empty());
    let is_prose = PROSE.contains(&slim.get(place.key.clone()).unwrap_or_default());
    if !is_value || is_uri && is_prose {
        return Some((one.at..end, TEXT.to_owned()));
    }
    let part = place.part.clone().filter(|_| !place.in_answer)?;
    let value = serde_json::from_slice(slim.get(part.clone())?).ok()?;
    Some((part, in_place_of(&value)?.to_string()))
}

/// The text that stands in the place of a part; `None` for a part that is of no API known here.
fn in_place_of(part: &Value) -> Option<Value> {
    match part.get("type").and_then(Value::as_str) {
        Some("input_image" | "input_file") => Some(json!({"type": "input_text", "text": TEXT})),
        Some(
            "image" | "image_url" | "audio" | "input_audio" | "video" | "document" | "file"
            | "media" | "resource" | "image-data" | "file-data",
        ) => Some(json!({"type": "text", "text": TEXT})),
        Some(_) => None,
        None if ["inlineData", "inline_data"]
            .iter()
            .any(|key| part.get(*key).is_some()) =>
        {
            Some(json!({"text": TEXT}))
        }
        None if part.get("Binary").is_some() => Some(json!({"Text": TEXT})),
        // That of pydantic-ai stands in a list of texts.
        None if part.get("kind").and_then(Value::as_str) == Some("binary") => Some(TEXT.into()),
        None => None,
    }
}
