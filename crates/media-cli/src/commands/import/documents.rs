//! From a file to the conversations in it, one at a time.

use std::collections::VecDeque;
use std::path::Path;

use serde_json::Value;

use crate::failure::{Failure, Outcome};

use super::elements::{Element, Elements};

/// Keys of the list of messages in a conversation or a request.
const LISTS: [&str; 4] = ["messages", "input", "contents", "history"];

/// The messages of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Document {
    /// What the messages stand in: a row or a request; null where they stand alone.
    pub(super) around: Value,
    pub(super) messages: Vec<Value>,
}

/// The conversations of a file. Messages that stand one by one are one conversation, the last.
#[derive(Debug)]
pub(super) struct Documents {
    elements: Elements,
    ready: VecDeque<Document>,
    /// Messages of the array that is being read.
    items: Vec<Value>,
    /// Whether that array holds conversations.
    is_list: bool,
    loose: Vec<Value>,
    /// Why the rest of the file cannot be read; reported after what was read before.
    failure: Option<Failure>,
}

impl Documents {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> Outcome<Self> {
        Ok(Self {
            elements: Elements::open(path)?,
            ready: VecDeque::new(),
            items: Vec::new(),
            is_list: false,
            loose: Vec::new(),
            failure: None,
        })
    }

    fn take(&mut self, element: Element) {
        match element {
            Element::Value(value) => self.sort(value),
            Element::Item(value) if list_of(&value).is_some() => {
                self.is_list = true;
                self.sort(value);
            }
            Element::Item(value) => self.items.push(value),
            Element::End => {
                let items = std::mem::take(&mut self.items);
                if std::mem::take(&mut self.is_list) {
                    items.into_iter().for_each(|item| self.sort(item));
                } else {
                    self.push(Value::Null, items);
                }
            }
        }
    }

    fn sort(&mut self, mut value: Value) {
        if let Value::Array(all) = value {
            match all.iter().any(|value| list_of(value).is_some()) {
                true => all.into_iter().for_each(|value| self.sort(value)),
                false => self.push(Value::Null, all),
            }
        } else if let Some(key) = list_of(&value) {
            let messages = match value.get_mut(key).map(Value::take) {
                Some(Value::Array(messages)) => messages,
                _ => Vec::new(),
            };
            self.push(value, messages);
        } else if value.is_object() {
            self.loose.push(value);
        }
    }

    fn push(&mut self, around: Value, messages: Vec<Value>) {
        self.ready.push_back(Document { around, messages });
    }
}

impl Iterator for Documents {
    type Item = Outcome<Document>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Some(Ok(ready));
            }
            match self.elements.next() {
                Some(Ok(element)) => self.take(element),
                Some(Err(failure)) => {
                    self.failure = Some(failure);
                    if !self.items.is_empty() {
                        self.take(Element::End);
                    }
                }
                None if self.loose.is_empty() => return self.failure.take().map(Err),
                None => {
                    let loose = std::mem::take(&mut self.loose);
                    self.push(Value::Null, loose);
                }
            }
        }
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
        let found = Documents::open(file.path()).unwrap();
        found
            .map(|document| document.unwrap().messages.len())
            .collect()
    }

    #[test]
    fn conversations_are_found_however_they_are_kept() {
        let message = r#"{"role":"user","content":"x"}"#;
        assert_eq!(counts(&format!("[{message},{message}]")), [2]);
        assert_eq!(counts(&format!("[{message}] [{message}]")), [1, 1]);
        assert_eq!(counts(&format!("{message}\n{message}\n{message}\n")), [3]);
        let request = format!("{{\"model\":\"m\",\"messages\":[{message}]}}");
        assert_eq!(counts(&format!("{request}\n{request}")), [1, 1]);
        assert_eq!(counts(&format!("[{request},{request}]")), [1, 1]);
        assert_eq!(counts(&format!("[{request},{message},{message}]")), [1, 2]);
        assert_eq!(counts(&format!("[[{message}],{request}]")), [1, 1]);
        assert!(counts("").is_empty());
    }

    /// A history with a torn line is imported up to there.
    #[test]
    fn messages_before_a_fault_are_a_conversation() {
        let message = r#"{"role":"user","content":"x"}"#;
        for text in [
            format!("{message}\n{message}\noops\n{message}\n"),
            format!("[{message},{message},oops"),
        ] {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), text).unwrap();
            let mut found = Documents::open(file.path()).unwrap();
            assert_eq!(found.next().unwrap().unwrap().messages.len(), 2);
            assert!(found.next().unwrap().is_err());
            assert!(found.next().is_none());
        }
    }

    /// A conversation is there before the rest of the file is read.
    #[test]
    fn conversations_come_one_at_a_time() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let request = r#"{"messages":[{"role":"user","content":"x"}]}"#;
        std::fs::write(file.path(), format!("[{request},{request},oops")).unwrap();
        let mut found = Documents::open(file.path()).unwrap();
        assert_eq!(found.next().unwrap().unwrap().messages.len(), 1);
        assert_eq!(found.next().unwrap().unwrap().messages.len(), 1);
        assert!(found.next().unwrap().is_err());
        assert!(found.next().is_none());
    }
}
