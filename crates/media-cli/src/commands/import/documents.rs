//! From a file to the conversations in it.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use serde_json::Value;

use crate::failure::{Failure, Outcome};
use crate::output::escaped;

/// Keys of the list of messages in a conversation or a request.
const LISTS: [&str; 4] = ["messages", "input", "contents", "history"];

/// The messages of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Document {
    /// What the messages stand in: a row or a request; null where they stand alone.
    pub(super) around: Value,
    pub(super) messages: Vec<Value>,
}

/// Reads JSON, JSON Lines or values in a row, one value at a time.
pub(super) fn values(path: &Path) -> Outcome<impl Iterator<Item = Outcome<Value>>> {
    let file = File::open(path).map_err(Failure::io("open", path))?;
    let shown = escaped(&path.to_string_lossy());
    let values = serde_json::Deserializer::from_reader(BufReader::new(file)).into_iter::<Value>();
    Ok(values.map(move |value| {
        value.map_err(|error| Failure::data(format!("{shown} cannot be read")).because(error))
    }))
}

/// Finds the conversations of a file. Messages that stand one by one are one conversation.
pub(super) fn documents(path: &Path) -> Outcome<Vec<Document>> {
    let (mut found, mut loose) = (Vec::new(), Vec::new());
    for value in values(path)? {
        sort(value?, &mut found, &mut loose);
    }
    if !loose.is_empty() {
        found.push(Document {
            around: Value::Null,
            messages: loose,
        });
    }
    Ok(found)
}

fn sort(value: Value, found: &mut Vec<Document>, loose: &mut Vec<Value>) {
    match value {
        Value::Array(all) if all.iter().any(|value| list_of(value).is_some()) => {
            for value in all {
                sort(value, found, loose);
            }
        }
        Value::Array(messages) => found.push(Document {
            around: Value::Null,
            messages,
        }),
        mut value => match list_of(&value) {
            Some(key) => {
                let list = value.get_mut(key).map(Value::take);
                let messages = match list {
                    Some(Value::Array(messages)) => messages,
                    _ => Vec::new(),
                };
                found.push(Document {
                    around: value,
                    messages,
                });
            }
            None if value.is_object() => loose.push(value),
            None => {}
        },
    }
}

/// The key of the list of messages in an object that is no message itself.
fn list_of(value: &Value) -> Option<&'static str> {
    let is_list = |key: &&&str| value.get(**key).is_some_and(Value::is_array);
    if value.get("role").is_some() {
        return None;
    }
    LISTS.iter().find(is_list).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str) -> Vec<usize> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let found = documents(file.path()).unwrap();
        found
            .iter()
            .map(|document| document.messages.len())
            .collect()
    }

    #[test]
    fn conversations_are_found_however_they_are_kept() {
        let message = r#"{"role":"user","content":"x"}"#;
        assert_eq!(counts(&format!("[{message},{message}]")), [2]);
        assert_eq!(counts(&format!("{message}\n{message}\n{message}\n")), [3]);
        let request = format!("{{\"model\":\"m\",\"messages\":[{message}]}}");
        assert_eq!(counts(&format!("{request}\n{request}")), [1, 1]);
        assert_eq!(counts(&format!("[{request},{request}]")), [1, 1]);
        assert!(counts("").is_empty());
    }

    #[test]
    fn text_that_is_not_json_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "{\"role\":").unwrap();
        assert!(documents(file.path()).is_err());
    }
}
