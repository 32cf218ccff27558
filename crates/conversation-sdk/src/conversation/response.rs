//! What a turn brings.

use media_types::{ConversationId, MediaContent};

use crate::listener::KeptInline;
use crate::message::{Message, Role};
use crate::pack::Violation;
use crate::provider::{MediaNote, StopReason};
use crate::usage::{Cost, TokenUsage};

/// What a turn brings: the new messages, and what they took.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Response {
    conversation: ConversationId,
    messages: Vec<Message>,
    text: String,
    media: Vec<MediaContent>,
    spent: Spent,
    kept_inline: Vec<KeptInline>,
    violations: Vec<Violation>,
}

/// What the questions of a turn brought beside messages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spent {
    pub(crate) usage: TokenUsage,
    pub(crate) cost: Option<Cost>,
    pub(crate) notes: Vec<MediaNote>,
    pub(crate) stop: StopReason,
}

impl Spent {
    pub(crate) fn add(&mut self, usage: Option<TokenUsage>, cost: Option<Cost>) {
        self.usage += usage.unwrap_or_default();
        if let Some(cost) = cost {
            *self.cost.get_or_insert_default() += cost;
        }
    }
}

impl Response {
    pub(crate) fn new(
        conversation: ConversationId,
        messages: Vec<Message>,
        spent: Spent,
        kept_inline: Vec<KeptInline>,
        violations: Vec<Violation>,
    ) -> Self {
        let made = |message: &&Message| matches!(message.role, Role::Assistant | Role::Tool);
        let media = messages
            .iter()
            .filter(made)
            .flat_map(Message::media)
            .cloned()
            .collect();
        let text = messages
            .iter()
            .rfind(|message| message.role == Role::Assistant)
            .map(Message::text)
            .unwrap_or_default();
        Self {
            conversation,
            messages,
            text,
            media,
            spent,
            kept_inline,
            violations,
        }
    }

    /// In which conversation.
    pub fn conversation(&self) -> &ConversationId {
        &self.conversation
    }

    /// The words of the answer: those of the model's last message.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The media that the model and its tools made, in order: references where it was externalized.
    pub fn media(&self) -> &[MediaContent] {
        &self.media
    }

    /// Everything that the turn added to the history: the user's message, tool calls and their
    /// results, the answer.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// What the turn consumed, all questions and tools together.
    pub fn usage(&self) -> TokenUsage {
        self.spent.usage
    }

    /// What it cost: the sum of what is known, or nothing where no price is known.
    pub fn cost(&self) -> Option<Cost> {
        self.spent.cost
    }

    /// Why the model stopped.
    pub fn stop(&self) -> &StopReason {
        &self.spent.stop
    }

    /// Media of the history that the model got as a note, and why.
    pub fn notes(&self) -> &[MediaNote] {
        &self.spent.notes
    }

    /// Media that stays inline although it was to be externalized, and why.
    pub fn kept_inline(&self) -> &[KeptInline] {
        &self.kept_inline
    }

    /// Rules of the prompt that the answer breaks without failing for it.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }
}
