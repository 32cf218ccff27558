//! A request, read as strictly as the service reads it.

use serde_json::{Map, Value};

use crate::peer::attachment::Attachment;
use crate::peer::documents::Document;
use crate::peer::payload::decode_base64;
use crate::peer::photos::Photo;
use crate::peer::refusal::Refusal;
use crate::peer::text_tokens;

/// How the names of the models begin.
const MODELS: &str = "claude-";

#[derive(Debug, Default)]
pub(super) struct MessagesRequest {
    pub(super) model: String,
    pub(super) is_streamed: bool,
    /// The media of all messages, in order.
    pub(super) media: Vec<Attachment>,
    /// The text of the newest message.
    pub(super) newest_text: String,
    pub(super) text_tokens: u64,
}

impl MessagesRequest {
    pub(super) fn read(request: &Map<String, Value>) -> Result<Self, Refusal> {
        let model = request.get("model").and_then(Value::as_str);
        let model = model.ok_or_else(|| Refusal::invalid("model: Field required"))?;
        if !model.starts_with(MODELS) {
            return Err(Refusal::unknown_model(model));
        }
        let limit = request.get("max_tokens");
        let limit = limit.ok_or_else(|| Refusal::invalid("max_tokens: Field required"))?;
        if limit.as_u64().is_none_or(|limit| limit == 0) {
            let message = "max_tokens: Input should be a whole number greater than 0";
            return Err(Refusal::invalid(message));
        }
        if request
            .get("tools")
            .and_then(Value::as_array)
            .is_some_and(|tools| !tools.is_empty())
        {
            return Err(Refusal::invalid("tools: this local peer calls none"));
        }
        let messages = request.get("messages").and_then(Value::as_array);
        let messages = messages.filter(|messages| !messages.is_empty());
        let messages = messages
            .ok_or_else(|| Refusal::invalid("messages: at least one message is required"))?;
        let mut read = Self {
            model: model.to_owned(),
            is_streamed: request.get("stream").and_then(Value::as_bool) == Some(true),
            ..Self::default()
        };
        for (index, message) in messages.iter().enumerate() {
            read.add(message, &format!("messages.{index}"))?;
        }
        let last = messages.last().and_then(|message| message.get("role"));
        match last.and_then(Value::as_str) {
            Some("user") => Ok(read),
            _ => Err(Refusal::invalid(
                "The conversation must end with a user message.",
            )),
        }
    }

    fn add(&mut self, message: &Value, place: &str) -> Result<(), Refusal> {
        let is_user = match message.get("role").and_then(Value::as_str) {
            Some("user") => true,
            Some("assistant") => false,
            _ => {
                let message = format!("{place}.role: Input should be 'user' or 'assistant'");
                return Err(Refusal::invalid(message));
            }
        };
        self.newest_text.clear();
        match message.get("content") {
            Some(Value::String(text)) => self.say(text, place),
            Some(Value::Array(blocks)) if !blocks.is_empty() => {
                for (index, block) in blocks.iter().enumerate() {
                    self.block(block, is_user, &format!("{place}.content.{index}"))?;
                }
                Ok(())
            }
            _ => Err(Refusal::invalid(format!(
                "{place}: all messages must have non-empty content"
            ))),
        }
    }

    fn say(&mut self, text: &str, place: &str) -> Result<(), Refusal> {
        if text.trim().is_empty() {
            let message = format!("{place}: text content blocks must contain non-whitespace text");
            return Err(Refusal::invalid(message));
        }
        self.newest_text.push_str(text);
        self.text_tokens += text_tokens(text);
        Ok(())
    }

    fn block(&mut self, block: &Value, is_user: bool, place: &str) -> Result<(), Refusal> {
        match block.get("type").and_then(Value::as_str) {
            Some("text") => {
                let text = block.get("text").and_then(Value::as_str);
                self.say(text.unwrap_or_default(), place)
            }
            Some(kind @ ("image" | "document")) if is_user => {
                self.media.push(media(kind, block, place)?);
                Ok(())
            }
            _ => Err(Refusal::invalid(format!(
                "{place}.type: Input should be 'text', 'image' or 'document'"
            ))),
        }
    }
}

fn media(kind: &str, block: &Value, place: &str) -> Result<Attachment, Refusal> {
    let text = |name: &str| block.get("source")?.get(name)?.as_str();
    if text("type") != Some("base64") {
        let message = format!("{place}.source.type: this local peer takes 'base64' only");
        return Err(Refusal::invalid(message));
    }
    let declared = text("media_type").unwrap_or_default();
    let data = text("data").unwrap_or_default();
    let bytes = decode_base64(data, place)
        .map_err(|_| Refusal::invalid(format!("{place}.source.data: Invalid base64 data")))?;
    let title = block.get("title").and_then(Value::as_str);
    let media = match (kind, declared) {
        ("image", _) => Photo::look(&bytes, declared).map(Attachment::Photo),
        (_, "application/pdf") => {
            Document::look(title.unwrap_or("document"), &bytes).map(Attachment::Document)
        }
        _ => None,
    };
    media.ok_or_else(|| {
        let message = format!("{place}.source: the data could not be processed as '{kind}'");
        Refusal::invalid(message)
    })
}
