//! What a model gave out, which has to come back as it was.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::json::{events, list, text};

/// Signatures and items that a model gave out in a stream.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Thinking by its signature.
    pub(super) thinking: BTreeMap<String, String>,
    /// Thinking that cannot be read.
    pub(super) redacted: BTreeSet<String>,
    /// The signatures and data of the thinking before a call, by the id of the call.
    pub(super) thinking_before: BTreeMap<String, Vec<String>>,
    /// Reasoning that is encrypted, by its id.
    pub(super) reasoning: BTreeMap<String, String>,
    /// Items by their ids, each with the id of the reasoning directly before it.
    pub(super) led_to: BTreeMap<String, String>,
    /// Signatures of parts.
    pub(super) signatures: BTreeSet<String>,
    /// The signature of a call, by its name and arguments.
    pub(super) signed_calls: BTreeMap<String, String>,
    /// The signature of a text or of inline data, by that.
    pub(super) signed_parts: BTreeMap<String, String>,
    /// Spoken answers by their ids.
    pub(super) audio: BTreeSet<String>,
}

impl Given {
    /// Reads what a stream of any of the APIs gives.
    pub fn of(stream: &str) -> Self {
        let mut given = Self::default();
        let mut open: BTreeMap<u64, (String, String)> = BTreeMap::new();
        let mut before = None;
        let mut thoughts = Vec::new();
        for event in events(stream) {
            match text(&event["type"]) {
                "message_start" => thoughts.clear(),
                "content_block_start" => given.block(&event["content_block"], &mut thoughts),
                "content_block_delta" => {
                    let index = event["index"].as_u64().unwrap_or_default();
                    let (thought, signature) = open.entry(index).or_default();
                    thought.push_str(text(&event["delta"]["thinking"]));
                    signature.push_str(text(&event["delta"]["signature"]));
                }
                "content_block_stop" => {
                    let index = event["index"].as_u64().unwrap_or_default();
                    if let Some((thought, signature)) = open.remove(&index)
                        && !signature.is_empty()
                    {
                        thoughts.push(signature.clone());
                        given.thinking.insert(signature, thought);
                    }
                }
                "response.output_item.done" => given.item(&event["item"], &mut before),
                _ => given.chunk(&event),
            }
        }
        given
    }

    fn block(&mut self, block: &Value, thoughts: &mut Vec<String>) {
        match text(&block["type"]) {
            "redacted_thinking" => {
                let data = text(&block["data"]).to_owned();
                thoughts.push(data.clone());
                self.redacted.insert(data);
            }
            "tool_use" => {
                let id = text(&block["id"]).to_owned();
                self.thinking_before.insert(id, thoughts.clone());
            }
            _ => {}
        }
    }

    fn item(&mut self, item: &Value, before: &mut Option<String>) {
        let id = text(&item["id"]).to_owned();
        if text(&item["type"]) == "reasoning" {
            let encrypted = text(&item["encrypted_content"]).to_owned();
            self.reasoning.insert(id.clone(), encrypted);
            *before = Some(id);
        } else if let Some(reasoning) = before.take() {
            self.led_to.insert(id, reasoning);
        }
    }

    fn chunk(&mut self, chunk: &Value) {
        for candidate in list(&chunk["candidates"]) {
            for part in list(&candidate["content"]["parts"]) {
                let signature = text(&part["thoughtSignature"]);
                if signature.is_empty() {
                    continue;
                }
                self.signatures.insert(signature.to_owned());
                if let Some(call) = part.get("functionCall") {
                    self.signed_calls
                        .insert(call_key(call), signature.to_owned());
                }
                let data = [text(&part["text"]), text(&part["inlineData"]["data"])];
                let is_thought = part["thought"] == true;
                for data in data.iter().filter(|data| !data.is_empty() && !is_thought) {
                    self.signed_parts
                        .insert((*data).to_owned(), signature.to_owned());
                }
            }
        }
        for choice in list(&chunk["choices"]) {
            let id = text(&choice["delta"]["audio"]["id"]);
            if !id.is_empty() {
                self.audio.insert(id.to_owned());
            }
        }
    }
}

/// What a call is known by.
pub(super) fn call_key(call: &Value) -> String {
    format!("{} {}", text(&call["name"]), call["args"])
}
