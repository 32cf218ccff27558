//! Options of one turn.

use std::time::Duration;

use conversation_types::{Cost, ToolChoice};
use serde_json::{Map, Value};

use crate::policy::OnDrop;

/// Options of one turn. What is not set comes from the conversation's prompt and the manager.
///
/// ```
/// use std::time::Duration;
/// use conversation_sdk::TurnOptions;
/// let options = TurnOptions::new()
///     .with_temperature(0.2)
///     .with_wait(Duration::from_secs(30))
///     .with_idempotency_key("message-17");
/// assert_eq!(options.idempotency_key(), Some("message-17"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TurnOptions {
    pub(crate) provider: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) parameters: Map<String, Value>,
    pub(crate) tools: Option<Vec<String>>,
    pub(crate) tool_choice: Option<ToolChoice>,
    pub(crate) response_format: Option<Value>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_rounds: Option<u64>,
    pub(crate) max_cost: Option<Cost>,
    pub(crate) max_media_bytes: Option<u64>,
    pub(crate) on_drop: Option<OnDrop>,
    pub(crate) wait: Option<Duration>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) metadata: Map<String, Value>,
}

impl TurnOptions {
    /// Creates options that set nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the provider, by the name that the manager has it under.
    #[must_use]
    pub fn with_provider(mut self, name: impl Into<String>) -> Self {
        self.provider = Some(name.into());
        self
    }

    /// Sets the model.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Sets the temperature.
    #[must_use]
    pub fn with_temperature(self, temperature: f64) -> Self {
        self.with_parameter("temperature", temperature)
    }

    /// Sets a parameter by its common name: `max_tokens`, `top_p`, ...
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.parameters.insert(name.into(), value.into());
        self
    }

    /// Sets the names of the tools that the model may call, out of those that the prompt enables.
    #[must_use]
    pub fn with_tools<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.tools = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Sets whether the model may, must or must not call tools.
    #[must_use]
    pub fn with_tool_choice(mut self, choice: ToolChoice) -> Self {
        self.tool_choice = Some(choice);
        self
    }

    /// Sets a JSON Schema that the answer has to match, where the API takes one.
    #[must_use]
    pub fn with_response_format(mut self, schema: Value) -> Self {
        self.response_format = Some(schema);
        self
    }

    /// Sets the longest time of the turn.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the most rounds of tools.
    #[must_use]
    pub fn with_max_rounds(mut self, rounds: u64) -> Self {
        self.max_rounds = Some(rounds);
        self
    }

    /// Sets the most that the turn may cost; no request begins beyond it. Without known prices it
    /// has no effect.
    #[must_use]
    pub fn with_max_cost(mut self, cost: Cost) -> Self {
        self.max_cost = Some(cost);
        self
    }

    /// Sets the most bytes of media that the turn may receive from models and tools.
    #[must_use]
    pub fn with_max_media_bytes(mut self, bytes: u64) -> Self {
        self.max_media_bytes = Some(bytes);
        self
    }

    /// Sets what happens to the turn when its future or its events are dropped.
    #[must_use]
    pub fn with_on_drop(mut self, on_drop: OnDrop) -> Self {
        self.on_drop = Some(on_drop);
        self
    }

    /// Sets how long to wait for a turn that is running in the conversation, on any node. Defaults
    /// to not waiting: the error is `Busy`.
    #[must_use]
    pub fn with_wait(mut self, wait: Duration) -> Self {
        self.wait = Some(wait);
        self
    }

    /// Sets a key that is unique to this message within the conversation, at most 256 bytes: the
    /// same key with the same content never makes a second turn.
    #[must_use]
    pub fn with_idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Adds application data that is kept with the turn.
    #[must_use]
    pub fn with_metadata(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }

    /// Returns the idempotency key.
    pub fn idempotency_key(&self) -> Option<&str> {
        self.idempotency_key.as_deref()
    }
}
