//! What a user sends.

use crate::part::Part;

/// What a user sends: text, media, or both.
///
/// ```
/// use conversation_types::UserMessage;
/// let message = UserMessage::from("What is this?");
/// assert_eq!(message.parts().len(), 1);
/// ```
#[derive(Clone, Debug, Default)]
pub struct UserMessage {
    parts: Vec<Part>,
}

impl UserMessage {
    /// Creates an empty message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a part.
    #[must_use]
    pub fn with_part(mut self, part: impl Into<Part>) -> Self {
        self.parts.push(part.into());
        self
    }

    /// Returns the parts in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Returns the parts in order, without copying them.
    pub fn into_parts(self) -> Vec<Part> {
        self.parts
    }
}

impl From<&str> for UserMessage {
    fn from(text: &str) -> Self {
        Self::new().with_part(text)
    }
}

impl From<String> for UserMessage {
    fn from(text: String) -> Self {
        Self::new().with_part(text)
    }
}

impl From<Vec<Part>> for UserMessage {
    fn from(parts: Vec<Part>) -> Self {
        Self { parts }
    }
}
