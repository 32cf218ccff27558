//! From a file to the rows of Agno's tables in it, one at a time.

use std::path::Path;

use serde_json::{Value, json};

use crate::failure::Outcome;

use super::elements::{Element, Elements};

/// The rows of a file. Messages that stand in an array of their own are one row.
#[derive(Debug)]
pub(super) struct Rows {
    elements: Elements,
    messages: Vec<Value>,
}

impl Rows {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> Outcome<Self> {
        Ok(Self {
            elements: Elements::open(path)?,
            messages: Vec::new(),
        })
    }
}

impl Iterator for Rows {
    type Item = Outcome<Value>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.elements.next()? {
                Err(failure) => return Some(Err(failure)),
                Ok(Element::Item(message)) if message.get("role").is_some() => {
                    self.messages.push(message);
                }
                Ok(Element::Value(row) | Element::Item(row)) => return Some(Ok(row)),
                Ok(Element::End) if self.messages.is_empty() => {}
                Ok(Element::End) => {
                    let messages = std::mem::take(&mut self.messages);
                    return Some(Ok(json!({ "messages": messages })));
                }
            }
        }
    }
}
