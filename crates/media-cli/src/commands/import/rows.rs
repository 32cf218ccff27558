//! From a file to the rows of Agno's tables in it, one at a time.

use std::path::Path;

use serde_json::{Value, json};

use crate::failure::{Failure, Outcome};

use super::elements::{Element, Elements};

/// The rows of a file. Messages that stand in an array of their own are one row.
#[derive(Debug)]
pub(super) struct Rows {
    elements: Elements,
    messages: Vec<Value>,
    /// Why the rest of the file cannot be read; reported after what was read before.
    failure: Option<Failure>,
}

impl Rows {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> Outcome<Self> {
        Ok(Self {
            elements: Elements::open(path)?,
            messages: Vec::new(),
            failure: None,
        })
    }
}

impl Rows {
    /// The messages so far, as a row.
    fn row(&mut self) -> Value {
        json!({ "messages": std::mem::take(&mut self.messages) })
    }
}

impl Iterator for Rows {
    type Item = Outcome<Value>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(element) = self.elements.next() else {
                return self.failure.take().map(Err);
            };
            match element {
                Err(failure) if self.messages.is_empty() => return Some(Err(failure)),
                Err(failure) => {
                    self.failure = Some(failure);
                    return Some(Ok(self.row()));
                }
                Ok(Element::Item(message)) if message.get("role").is_some() => {
                    self.messages.push(message);
                }
                Ok(Element::Value(row) | Element::Item(row)) => return Some(Ok(row)),
                Ok(Element::End) if self.messages.is_empty() => {}
                Ok(Element::End) => return Some(Ok(self.row())),
            }
        }
    }
}
