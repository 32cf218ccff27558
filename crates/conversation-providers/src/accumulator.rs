//! What has come of an answer so far.

use std::fmt;

#[cfg(any(feature = "http-client", feature = "testing"))]
use conversation_types::UsageSource;
use conversation_types::{
    Cost, FinishReason, Message, MessageId, MessageStatus, Part, TextPart, TokenUsage, ToolCall,
    TurnId,
};

use crate::kept_answers::RESPONSE_ID;
use crate::price::ModelPrice;
use crate::response::ResponseEvent;
#[cfg(any(feature = "http-client", feature = "testing"))]
use crate::usage::estimate_tokens;
use crate::usage::usage_of_interrupted;

/// Most tool calls of one answer; what a provider sends beyond is passed over.
const MAX_CALLS: usize = 4096;

/// Gathers the events of an answer, and gives what has come so far as a message at any point.
///
/// Taking an event costs what the event holds. `Debug` prints sizes, never text.
///
/// ```
/// use conversation_providers::{ResponseEvent, StreamAccumulator};
/// use conversation_types::MessageStatus;
///
/// let mut answer = StreamAccumulator::new();
/// answer.push(&ResponseEvent::TextDelta("Hel".into()));
/// answer.push(&ResponseEvent::TextDelta("lo".into()));
/// let partial = answer.message();
/// assert_eq!(partial.text(), "Hello");
/// assert_eq!(partial.status, MessageStatus::Partial);
/// assert_eq!(partial.id, answer.message().id);
/// ```
#[derive(Clone, Default)]
pub struct StreamAccumulator {
    id: Option<MessageId>,
    response_id: Option<String>,
    turn: Option<TurnId>,
    content: Vec<Part>,
    /// Whether the last part still grows.
    open: bool,
    calls: Vec<ToolCall>,
    usage: Option<TokenUsage>,
    price: Option<ModelPrice>,
    output_bytes: u64,
    finish: Option<FinishReason>,
}

impl StreamAccumulator {
    /// Creates an accumulator without events, for a message with a new id.
    pub fn new() -> Self {
        Self {
            id: Some(MessageId::mint()),
            ..Self::default()
        }
    }

    /// Sets the id of the message. Defaults to a new one.
    #[must_use]
    pub fn with_id(mut self, id: MessageId) -> Self {
        self.id = Some(id);
        self
    }

    /// Sets the turn of the message. Defaults to none.
    #[must_use]
    pub fn with_turn(mut self, turn: TurnId) -> Self {
        self.turn = Some(turn);
        self
    }

    /// Takes an event.
    pub fn push(&mut self, event: &ResponseEvent) {
        match event {
            ResponseEvent::ResponseId(id) => self.response_id = Some(id.clone()),
            ResponseEvent::TextDelta(delta) => self.text(delta),
            ResponseEvent::ReasoningDelta(delta) => self.reasoning(delta),
            ResponseEvent::PartialImage(_) => {}
            ResponseEvent::Media(media) => self.add(Part::Media(media.clone())),
            ResponseEvent::ToolCallStarted { index, id, name } => {
                if let Some(call) = self.call(*index) {
                    call.id.clone_from(id);
                    call.name.clone_from(name);
                }
                self.open = false;
            }
            ResponseEvent::ToolCallDelta { index, arguments } => {
                self.output_bytes += arguments.len() as u64;
                if let Some(call) = self.call(*index) {
                    call.arguments.push_str(arguments);
                }
            }
            ResponseEvent::ToolCallData { index, data } => {
                if let Some(call) = self.call(*index) {
                    call.provider_data.clone_from(data);
                }
            }
            ResponseEvent::ItemDone(part) => self.item(part),
            ResponseEvent::Usage(usage) => self.usage = Some(*usage),
            ResponseEvent::Price(price) => self.price = Some(price.clone()),
            ResponseEvent::Done(completion) => {
                self.content.clone_from(&completion.content);
                self.calls.clone_from(&completion.tool_calls);
                self.usage = Some(completion.usage);
                self.finish = Some(completion.finish.clone());
                self.open = false;
            }
        }
    }

    fn text(&mut self, delta: &str) {
        self.output_bytes += delta.len() as u64;
        match self.content.last_mut() {
            Some(Part::Text(part)) if self.open => part.text.push_str(delta),
            _ if delta.is_empty() => {}
            _ => {
                self.content.push(Part::text(delta));
                self.open = true;
            }
        }
    }

    fn reasoning(&mut self, delta: &str) {
        self.output_bytes += delta.len() as u64;
        match self.content.last_mut() {
            Some(Part::Reasoning { text, .. }) if self.open => text.push_str(delta),
            _ if delta.is_empty() => {}
            _ => {
                self.content.push(Part::reasoning(delta, None));
                self.open = true;
            }
        }
    }

    fn add(&mut self, part: Part) {
        self.content.push(part);
        self.open = false;
    }

    fn item(&mut self, part: &Part) {
        let replaces = self.open
            && matches!(
                (self.content.last(), part),
                (Some(Part::Text(_)), Part::Text(_))
                    | (Some(Part::Reasoning { .. }), Part::Reasoning { .. })
            );
        if replaces {
            self.content.pop();
        } else if let Part::Text(TextPart { text, .. }) | Part::Reasoning { text, .. } = part {
            self.output_bytes += text.len() as u64;
        }
        self.add(part.clone());
    }

    /// The call of a position; `None` beyond what any answer has.
    fn call(&mut self, index: usize) -> Option<&mut ToolCall> {
        if index < MAX_CALLS {
            // A gap holds calls that never started.
            while self.calls.len() <= index {
                self.calls.push(ToolCall::new("", "", ""));
            }
        }
        self.calls.get_mut(index)
    }

    /// Returns the parts that have come so far; the last one may still grow.
    pub fn content(&self) -> &[Part] {
        &self.content
    }

    /// Returns the tool calls that have come so far; their arguments may still grow.
    pub fn tool_calls(&self) -> &[ToolCall] {
        &self.calls
    }

    /// Returns the reason for which the model stopped, once the answer is complete.
    pub fn finish(&self) -> Option<&FinishReason> {
        self.finish.as_ref()
    }

    /// Returns whether nothing of an answer has come; usage is none of it.
    pub fn is_empty(&self) -> bool {
        self.content.is_empty() && self.calls.is_empty() && self.finish.is_none()
    }

    /// Returns the number of bytes of text, reasoning and arguments that have come.
    pub fn output_bytes(&self) -> u64 {
        self.output_bytes
    }

    /// Returns what the answer has consumed so far: as reported with a complete answer; else what
    /// the provider reported before, marked partial, with the output estimated from its text; else
    /// an estimate.
    pub fn usage(&self) -> TokenUsage {
        match (self.usage, &self.finish) {
            (Some(usage), Some(_)) => usage,
            (usage, _) => usage_of_interrupted(usage, self.output_bytes),
        }
    }

    /// Returns what the [`usage`](Self::usage) of the answer costs so far; `None` where the price is not
    /// known. A complete answer says its own cost.
    pub fn cost(&self) -> Option<Cost> {
        let price = self.price.as_ref()?;
        Some(price.cost(&self.usage()))
    }

    /// Returns what has come so far as a message of the model, which is
    /// [`MessageStatus::Partial`] unless the answer is complete. Each call copies what has come.
    pub fn message(&self) -> Message {
        self.clone().into_message()
    }

    /// Returns what has come as a message of the model, without copying it.
    pub fn into_message(self) -> Message {
        let usage = self.usage();
        let mut message = Message::assistant(self.content).with_tool_calls(self.calls);
        if let Some(id) = self.id {
            message.id = id;
        }
        message.turn = self.turn;
        if let Some(id) = self.response_id {
            message.metadata.insert(RESPONSE_ID.to_owned(), id.into());
        }
        if self.finish.is_none() {
            message.status = MessageStatus::Partial;
            message
                .tool_calls
                .retain(|call| !(call.name.is_empty() && call.arguments.is_empty()));
        }
        message.usage = Some(usage);
        message
    }

    /// Returns parts and calls without copying them, and the usage as the answer's own: reported
    /// counts as they are, the output estimated where the provider reported none.
    #[cfg(any(feature = "http-client", feature = "testing"))]
    pub(crate) fn into_parts(self) -> (Vec<Part>, Vec<ToolCall>, TokenUsage) {
        let usage = match self.usage {
            Some(usage) if usage.source != UsageSource::Estimated => usage,
            estimate => {
                let mut usage = estimate.unwrap_or_default();
                usage.source = UsageSource::Estimated;
                usage.output_tokens = estimate_tokens(self.output_bytes);
                usage
            }
        };
        (self.content, self.calls, usage)
    }
}

impl fmt::Debug for StreamAccumulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamAccumulator")
            .field("content", &self.content)
            .field("tool_calls", &self.calls)
            .field("output_bytes", &self.output_bytes)
            .field("usage", &self.usage)
            .field("finish", &self.finish)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
