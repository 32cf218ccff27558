//! The APIs whose requests and answers are understood.

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
    /// Gemini's contents: `POST /v1beta/models/<model>:generateContent`, or
    /// `:streamGenerateContent`. The model is in the URL and not in the body.
    GeminiContents,
}

impl ApiFormat {
    /// Returns the family of the API: the provider whose files
    /// ([`ProviderFile`](media_types::ProviderFile)) and opaque items go into its requests.
    pub fn family(self) -> &'static str {
        match self {
            Self::OpenAiChat | Self::OpenAiResponses => "openai",
            Self::AnthropicMessages => "anthropic",
            Self::GeminiContents => "gemini",
        }
    }

    /// Returns the name of the entry of [`Capabilities`](crate::Capabilities) that says what the
    /// API accepts.
    pub fn capability_name(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai.chat",
            Self::OpenAiResponses => "openai.responses",
            Self::AnthropicMessages => "anthropic.messages",
            Self::GeminiContents => "gemini.generate_content",
        }
    }

    /// Whether items that only one family understands have a place in the requests.
    pub(crate) fn takes_opaque_items(self) -> bool {
        self != Self::OpenAiChat
    }
}
