//! Scripts of answers.

use bytes::Bytes;
use conversation_types::{FinishReason, Part, TokenUsage};
use media_types::{MediaContent, Mime};

use super::gate::Gate;
use crate::error::{ProviderError, ProviderErrorKind};
use crate::response::ResponseEvent;

/// The answer to one request: what happens, in order. It ends complete unless a step says
/// otherwise.
#[derive(Debug, Default)]
pub struct ScriptedAnswer {
    pub(super) steps: Vec<Step>,
    pub(super) finish: Option<FinishReason>,
    calls: usize,
}

/// One thing that happens.
#[derive(Debug)]
pub(super) enum Step {
    Event(Box<ResponseEvent>),
    /// Media that goes through the sink of the request.
    Receive(Mime, Bytes),
    Gate(Gate),
    Fail(ProviderError),
    Hang,
    /// The stream ends without an end.
    Cut,
}

impl ScriptedAnswer {
    /// Creates an empty answer.
    pub fn new() -> Self {
        Self::default()
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Adds text, as one piece.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        self.event(ResponseEvent::TextDelta(text.into()))
    }

    /// Adds text, in pieces of a number of characters.
    #[must_use]
    pub fn text_in_pieces(self, text: &str, chars: usize) -> Self {
        let all: Vec<char> = text.chars().collect();
        let pieces = all.chunks(chars.max(1));
        pieces.fold(self, |answer, piece| {
            answer.text(piece.iter().collect::<String>())
        })
    }

    /// Adds reasoning, as one piece.
    #[must_use]
    pub fn reasoning(self, text: impl Into<String>) -> Self {
        self.event(ResponseEvent::ReasoningDelta(text.into()))
    }

    /// Adds a tool call.
    #[must_use]
    pub fn tool_call(
        self,
        id: impl Into<String>,
        name: impl Into<String>,
        arguments: impl Into<String>,
    ) -> Self {
        self.tool_call_start(id, name).tool_call_delta(arguments)
    }

    /// Begins a tool call whose arguments come in pieces.
    #[must_use]
    pub fn tool_call_start(mut self, id: impl Into<String>, name: impl Into<String>) -> Self {
        let index = self.calls;
        self.calls += 1;
        self.event(ResponseEvent::ToolCallStarted {
            index,
            id: id.into(),
            name: name.into(),
        })
    }

    /// Adds to the arguments of the tool call that was begun last.
    #[must_use]
    pub fn tool_call_delta(self, arguments: impl Into<String>) -> Self {
        let index = self.calls.saturating_sub(1);
        self.event(ResponseEvent::ToolCallDelta {
            index,
            arguments: arguments.into(),
        })
    }

    /// Adds a media item, received by the sink of the request as from a real answer.
    #[must_use]
    pub fn media(self, mime: Mime, bytes: impl Into<Bytes>) -> Self {
        self.step(Step::Receive(mime, bytes.into()))
    }

    /// Adds a media item as it is.
    #[must_use]
    pub fn content(self, content: MediaContent) -> Self {
        self.event(ResponseEvent::Media(content))
    }

    /// Adds a part that the API has closed.
    #[must_use]
    pub fn item(self, part: Part) -> Self {
        self.event(ResponseEvent::ItemDone(part))
    }

    /// Reports usage.
    #[must_use]
    pub fn usage(self, usage: TokenUsage) -> Self {
        self.event(ResponseEvent::Usage(usage))
    }

    /// Adds any event.
    #[must_use]
    pub fn event(self, event: ResponseEvent) -> Self {
        self.step(Step::Event(Box::new(event)))
    }

    /// Waits until the test opens a gate.
    #[must_use]
    pub fn gate(self, gate: &Gate) -> Self {
        self.step(Step::Gate(gate.clone()))
    }

    /// Sets the reason for which the model stops. Defaults to the one that fits the answer.
    #[must_use]
    pub fn finish(mut self, finish: FinishReason) -> Self {
        self.finish = Some(finish);
        self
    }

    /// Ends in an error. Without a step before it, the request itself fails.
    #[must_use]
    pub fn error(self, error: ProviderError) -> Self {
        self.step(Step::Fail(error))
    }

    /// Ends in an error of a kind.
    #[must_use]
    pub fn error_of(self, kind: ProviderErrorKind) -> Self {
        self.error(ProviderError::new(kind, "scripted"))
    }

    /// Sends nothing more and never ends.
    #[must_use]
    pub fn hang(self) -> Self {
        self.step(Step::Hang)
    }

    /// Closes the stream without an end.
    #[must_use]
    pub fn cut(self) -> Self {
        self.step(Step::Cut)
    }
}

impl From<&str> for ScriptedAnswer {
    /// An answer of text.
    fn from(text: &str) -> Self {
        Self::new().text(text)
    }
}

impl From<ProviderError> for ScriptedAnswer {
    /// A request that fails.
    fn from(error: ProviderError) -> Self {
        Self::new().error(error)
    }
}
