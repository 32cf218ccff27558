//! A content block while it arrives.

use conversation_types::{Part, RawJson};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::event::{BlockHead, Delta};
use super::names::NAME;
use crate::answer::{TextJoiner, parse_tolerant};
use crate::response::ResponseEvent;

/// A content block that has begun.
#[derive(Debug)]
pub(super) enum Block {
    Text {
        joiner: TextJoiner,
        /// The citations that it began with.
        citations: Vec<Box<RawValue>>,
    },
    Thinking {
        joiner: TextJoiner,
        text: String,
        signature: String,
    },
    ToolUse {
        index: usize,
        joiner: TextJoiner,
    },
    /// A block that goes back as it is.
    Opaque {
        /// Its JSON, without the input that comes in pieces.
        raw: RawJson,
        is_reasoning: bool,
        joiner: TextJoiner,
        input: String,
    },
}

impl Block {
    /// Begins a block; returns the events that it makes. `calls` is the number of tool calls so
    /// far. `None` for a block that cannot be read.
    pub(super) fn begin(raw: &RawValue, calls: &mut usize) -> Option<(Self, Vec<ResponseEvent>)> {
        let head: BlockHead = parse_tolerant(&mut raw.get().as_bytes().to_vec()).ok()?;
        let kind = head.kind.map(|kind| kind.0).unwrap_or_default();
        let mut events = Vec::new();
        let block = match kind.as_str() {
            "text" => {
                let mut joiner = TextJoiner::default();
                let text = head.text.and_then(|raw| joiner.push(&raw));
                events.extend(text_event(text));
                Self::Text {
                    joiner,
                    citations: head.citations.unwrap_or_default(),
                }
            }
            "thinking" => {
                let mut joiner = TextJoiner::default();
                let text = head.thinking.and_then(|raw| joiner.push(&raw));
                let text = text.unwrap_or_default();
                events.extend(reasoning_event(Some(text.clone())));
                Self::Thinking {
                    joiner,
                    text,
                    signature: head.signature.map(|text| text.0).unwrap_or_default(),
                }
            }
            "tool_use" => {
                let index = *calls;
                *calls += 1;
                events.push(ResponseEvent::ToolCallStarted {
                    index,
                    id: head.id.map(|id| id.0).unwrap_or_default(),
                    name: head.name.map(|name| name.0).unwrap_or_default(),
                });
                // In a stream the input is empty here, and comes in pieces.
                let input = head.input.filter(|raw| !is_empty_object(raw.get()));
                events.extend(input.map(|raw| ResponseEvent::ToolCallDelta {
                    index,
                    arguments: raw.get().to_owned(),
                }));
                Self::ToolUse {
                    index,
                    joiner: TextJoiner::default(),
                }
            }
            _ => Self::Opaque {
                raw: RawJson::from_text(raw.get()).ok()?,
                is_reasoning: kind == "redacted_thinking",
                joiner: TextJoiner::default(),
                input: String::new(),
            },
        };
        Some((block, events))
    }

    /// Takes more of the block; returns the event that it makes.
    pub(super) fn push(&mut self, delta: Delta) -> Option<ResponseEvent> {
        match self {
            Self::Text { joiner, .. } => text_event(joiner.push(&delta.text?)),
            Self::Thinking {
                joiner,
                text,
                signature,
            } => {
                if let Some(more) = delta.signature {
                    signature.push_str(&more.0);
                }
                let more = joiner.push(&delta.thinking?)?;
                text.push_str(&more);
                reasoning_event(Some(more))
            }
            Self::ToolUse { index, joiner } => {
                let arguments = joiner.push(&delta.partial_json?)?;
                let index = *index;
                (!arguments.is_empty()).then_some(ResponseEvent::ToolCallDelta { index, arguments })
            }
            Self::Opaque { joiner, input, .. } => {
                if let Some(more) = delta.partial_json.and_then(|raw| joiner.push(&raw)) {
                    input.push_str(&more);
                }
                None
            }
        }
    }

    /// Ends the block; returns the event that closes it. `raw` is its JSON where it came whole.
    pub(super) fn end(self, whole: Option<&RawValue>) -> Option<ResponseEvent> {
        match self {
            Self::Text { mut joiner, .. } => text_event(Some(joiner.finish().to_owned())),
            // What is not signed is shown, and does not go back.
            Self::Thinking { signature, .. } if signature.is_empty() => None,
            Self::Thinking {
                text, signature, ..
            } => {
                let raw = whole.and_then(|raw| RawJson::from_text(raw.get()).ok());
                let raw = raw.unwrap_or_else(|| {
                    RawJson::from(json!({
                        "type": "thinking", "thinking": text, "signature": signature
                    }))
                });
                let part = Part::reasoning(text, Some((NAME.to_owned(), raw.into())));
                Some(ResponseEvent::ItemDone(part))
            }
            Self::ToolUse { .. } => None,
            Self::Opaque {
                raw,
                is_reasoning,
                input,
                ..
            } => {
                let raw = with_input(raw, &input);
                let part = match is_reasoning {
                    true => Part::reasoning("", Some((NAME.to_owned(), raw.into()))),
                    false => Part::opaque(NAME, raw),
                };
                Some(ResponseEvent::ItemDone(part))
            }
        }
    }
}

/// The block with the input that came in pieces.
fn with_input(raw: RawJson, input: &str) -> RawJson {
    let (Ok(Value::Object(mut block)), Ok(input)) =
        (raw.parse::<Value>(), serde_json::from_str::<Value>(input))
    else {
        return raw;
    };
    block.insert("input".to_owned(), input);
    RawJson::from(Value::Object(block))
}

fn is_empty_object(json: &str) -> bool {
    serde_json::from_str::<Map<String, Value>>(json).is_ok_and(|object| object.is_empty())
}

fn text_event(text: Option<String>) -> Option<ResponseEvent> {
    let text = text.filter(|text| !text.is_empty());
    text.map(ResponseEvent::TextDelta)
}

fn reasoning_event(text: Option<String>) -> Option<ResponseEvent> {
    let text = text.filter(|text| !text.is_empty());
    text.map(ResponseEvent::ReasoningDelta)
}
