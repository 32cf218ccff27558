//! The APIs whose requests and answers are understood.

use crate::codec::FormatSpec;
use crate::{anthropic, gemini, openai};

/// The JSON of an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ApiFormat {
    /// Chat completions, by OpenAI and compatible servers: `POST /v1/chat/completions`.
    OpenAiChat,
    /// OpenAI's Responses: `POST /v1/responses`.
    OpenAiResponses,
    /// Anthropic's Messages: `POST /v1/messages`. Bedrock and Vertex take the same without the
    /// model and with a version: set `anthropic_version` as a parameter and give an empty model.
    AnthropicMessages,
    /// Gemini's contents: `POST /v1/models/<model>:generateContent`, or
    /// `:streamGenerateContent`. The model is in the URL and not in the body.
    GeminiContents,
}

impl ApiFormat {
    /// Returns the family of the API: the provider whose files
    /// ([`ProviderFile`](media_types::ProviderFile)) and opaque items go into its requests.
    pub fn family(self) -> &'static str {
        self.spec().rules.family
    }

    /// Returns the name of the entry of [`Capabilities`](crate::Capabilities) that says what the
    /// API accepts.
    pub fn capability_name(self) -> &'static str {
        self.spec().capability_name
    }

    pub(crate) fn spec(self) -> &'static FormatSpec {
        match self {
            Self::OpenAiChat => &openai::CHAT,
            Self::OpenAiResponses => &openai::RESPONSES,
            Self::AnthropicMessages => &anthropic::MESSAGES,
            Self::GeminiContents => &gemini::CONTENTS,
        }
    }
}
