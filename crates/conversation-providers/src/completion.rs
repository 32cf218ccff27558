//! Complete answers.

use std::fmt;

use conversation_types::{
    Cost, FinishReason, OmittedMedia, Part, TokenUsage, ToolCall, UsageSource,
};

/// A complete answer of a model. `Debug` prints sizes, never text.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Completion {
    /// The parts of the answer, in order.
    pub content: Vec<Part>,
    /// Tools that the model calls.
    pub tool_calls: Vec<ToolCall>,
    /// The reason for which the model stopped.
    pub finish: FinishReason,
    /// What the answer consumed; `usage.source` says where the counts come from.
    pub usage: TokenUsage,
    /// What it cost, where the price is known.
    pub cost: Option<Cost>,
    /// Media of the request that the model did not get, with the reasons.
    pub omitted_media: Vec<OmittedMedia>,
    /// The name of the provider that answered.
    pub provider: String,
    /// The model that answered, in the provider's word.
    pub model: String,
    /// The provider's id of the answer.
    pub response_id: Option<String>,
}

impl Completion {
    /// Creates an answer of parts, whose usage is not known.
    pub fn new(content: Vec<Part>) -> Self {
        Self {
            content,
            tool_calls: Vec::new(),
            finish: FinishReason::Stop,
            usage: TokenUsage::default().with_source(UsageSource::Estimated),
            cost: None,
            omitted_media: Vec::new(),
            provider: String::new(),
            model: String::new(),
            response_id: None,
        }
    }

    /// Sets the tool calls. Defaults to none; with some, the model has stopped for them.
    #[must_use]
    pub fn with_tool_calls(mut self, calls: Vec<ToolCall>) -> Self {
        if !calls.is_empty() {
            self.finish = FinishReason::ToolCalls;
        }
        self.tool_calls = calls;
        self
    }

    /// Sets the reason for which the model stopped. Defaults to [`FinishReason::Stop`].
    #[must_use]
    pub fn with_finish(mut self, finish: FinishReason) -> Self {
        self.finish = finish;
        self
    }

    /// Sets usage and cost. Defaults to an estimate of zero, and no cost.
    #[must_use]
    pub fn with_usage(mut self, usage: TokenUsage, cost: Option<Cost>) -> Self {
        self.usage = usage;
        self.cost = cost;
        self
    }

    /// Sets the media that the model did not get. Defaults to none.
    #[must_use]
    pub fn with_omitted_media(mut self, omitted: Vec<OmittedMedia>) -> Self {
        self.omitted_media = omitted;
        self
    }

    /// Sets the provider and the model that answered. Defaults to empty names.
    #[must_use]
    pub fn with_origin(mut self, provider: impl Into<String>, model: impl Into<String>) -> Self {
        self.provider = provider.into();
        self.model = model.into();
        self
    }

    /// Sets the provider's id of the answer. Defaults to none.
    #[must_use]
    pub fn with_response_id(mut self, id: Option<String>) -> Self {
        self.response_id = id;
        self
    }

    /// Returns the text parts, joined by line ends.
    pub fn text(&self) -> String {
        let texts: Vec<&str> = self.content.iter().filter_map(Part::as_text).collect();
        texts.join("\n")
    }
}

impl Default for Completion {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl fmt::Debug for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Parts and tool calls print sizes themselves; omissions hold captions.
        f.debug_struct("Completion")
            .field("content", &self.content)
            .field("tool_calls", &self.tool_calls)
            .field("finish", &self.finish)
            .field("usage", &self.usage)
            .field("cost", &self.cost)
            .field("omitted_media", &self.omitted_media.len())
            .field("provider", &self.provider)
            .field("model", &self.model)
            .field("response_id", &self.response_id)
            .finish()
    }
}
