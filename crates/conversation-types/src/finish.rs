//! Reasons for which a model stops.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The reason for which a model stopped.
///
/// In JSON it is one word: `stop`, `tool_calls`, `length`, `refusal`, `pause`, or the provider's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FinishReason {
    /// The answer is complete.
    #[default]
    Stop,
    /// The model calls tools.
    ToolCalls,
    /// The limit of output tokens or of the context was reached.
    Length,
    /// The model or a content filter refused; the text, if any, says why.
    Refusal,
    /// The provider paused a long answer; sending the conversation again as it is continues it.
    Pause,
    /// Another reason, in the provider's word.
    Other(String),
}

impl FinishReason {
    /// Returns the word that stands for the reason in JSON.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Stop => "stop",
            Self::ToolCalls => "tool_calls",
            Self::Length => "length",
            Self::Refusal => "refusal",
            Self::Pause => "pause",
            Self::Other(word) => word,
        }
    }

    /// Returns the reason that a word stands for.
    pub fn from_word(word: &str) -> Self {
        match word {
            "stop" => Self::Stop,
            "tool_calls" => Self::ToolCalls,
            "length" => Self::Length,
            "refusal" => Self::Refusal,
            "pause" => Self::Pause,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for FinishReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for FinishReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for FinishReason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|word| Self::from_word(&word))
    }
}
