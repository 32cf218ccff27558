//! The APIs.

use serde_json::{Value, json};

use super::given::Given;
use super::{anthropic, chat, gemini, responses};

/// An API of a language model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LlmApi {
    /// Chat completions of OpenAI.
    OpenAiChat,
    /// Responses of OpenAI.
    OpenAiResponses,
    /// Messages of Anthropic.
    AnthropicMessages,
    /// Contents of Gemini.
    Gemini,
}

impl LlmApi {
    /// Judges the body of a request, after the model has given what it gave.
    ///
    /// # Errors
    /// The first rule that is broken, in the words of the vendor as far as they are known.
    pub fn check(self, body: &Value, given: &Given) -> Result<(), String> {
        match self {
            Self::OpenAiChat => chat::check(body, given),
            Self::OpenAiResponses => responses::check(body, given),
            Self::AnthropicMessages => anthropic::check(body, given),
            Self::Gemini => gemini::check(body, given),
        }
    }

    /// Returns a complete answer of one word.
    pub(super) fn answer(self) -> Value {
        match self {
            Self::OpenAiChat => json!({
                "id": "chatcmpl-done", "object": "chat.completion", "model": "m",
                "choices": [{"index": 0, "finish_reason": "stop",
                    "message": {"role": "assistant", "content": "done"}}],
                "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
            }),
            Self::OpenAiResponses => json!({
                "id": "resp_done", "object": "response", "status": "completed", "model": "m",
                "output": [{"id": "msg_done", "type": "message", "role": "assistant",
                    "status": "completed",
                    "content": [{"type": "output_text", "text": "done", "annotations": []}]}],
                "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
            }),
            Self::AnthropicMessages => json!({
                "id": "msg_done", "type": "message", "role": "assistant", "model": "m",
                "content": [{"type": "text", "text": "done"}], "stop_reason": "end_turn",
                "usage": {"input_tokens": 1, "output_tokens": 1}
            }),
            Self::Gemini => json!({
                "candidates": [{"content": {"role": "model", "parts": [{"text": "done"}]},
                    "finishReason": "STOP", "index": 0}],
                "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1,
                    "totalTokenCount": 2}
            }),
        }
    }

    /// Returns the body of a 400.
    pub(super) fn refusal(self, message: &str) -> Value {
        match self {
            Self::OpenAiChat | Self::OpenAiResponses => json!({"error": {
                "message": message, "type": "invalid_request_error", "param": null, "code": null
            }}),
            Self::AnthropicMessages => json!({"type": "error", "error": {
                "type": "invalid_request_error", "message": message
            }}),
            Self::Gemini => json!({"error": {
                "code": 400, "message": message, "status": "INVALID_ARGUMENT"
            }}),
        }
    }
}
