//! What a turn has so far.

use conversation_events::{InlineFallback, ResponseParts};
use conversation_providers::{Completion, RESPONSE_ID, StreamAccumulator};
use conversation_state::{ConversationRecord, TurnRecord};
use conversation_types::{
    Cost, FinishReason, Message, MessageId, OmittedMedia, Role, TokenUsage, TurnId,
};
use prompt_pack::Violation;

/// What a turn has so far: messages that are in the state, messages that are complete and not in
/// the state yet, and an answer that is still arriving.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Messages of the turn that are in the state, oldest first.
    pub(super) saved: Vec<Message>,
    /// Complete messages that are not in the state yet, oldest first.
    pub(super) unsaved: Vec<Message>,
    /// The answer that is arriving.
    pub(super) open: Option<StreamAccumulator>,
    /// The partial message that a checkpoint has put into the state.
    pub(super) checkpointed: Option<MessageId>,
    /// What all attempts and tools consumed, the arriving answer apart.
    pub(super) usage: TokenUsage,
    pub(super) cost: Option<Cost>,
    pub(super) finish: FinishReason,
    pub(super) provider: Option<String>,
    pub(super) model: Option<String>,
    pub(super) omitted_media: Vec<OmittedMedia>,
    pub(super) kept_inline: Vec<InlineFallback>,
    pub(super) violations: Vec<Violation>,
    /// Whether media of an answer or tool was lost because the store failed.
    pub(super) storage_failed: bool,
}

impl Progress {
    /// Adds to what the turn consumed.
    pub(super) fn spend(&mut self, usage: Option<TokenUsage>, cost: Option<Cost>) {
        if let Some(usage) = usage {
            self.usage += usage;
        }
        if let Some(cost) = cost {
            *self.cost.get_or_insert_default() += cost;
        }
    }

    /// Takes a complete answer.
    pub(super) fn complete(&mut self, id: MessageId, turn: &TurnId, completion: Completion) {
        self.open = None;
        self.spend(Some(completion.usage), completion.cost);
        for omitted in completion.omitted_media {
            if !self.omitted_media.contains(&omitted) {
                self.omitted_media.push(omitted);
            }
        }
        let mut message = Message::assistant(completion.content)
            .with_id(id)
            .with_turn(turn.clone())
            .with_tool_calls(completion.tool_calls);
        message.usage = Some(completion.usage);
        let mut note = |name: &str, value: serde_json::Value| {
            message.metadata.insert(name.to_owned(), value);
        };
        note("provider", completion.provider.as_str().into());
        note("model", completion.model.as_str().into());
        if let Some(cost) = completion.cost {
            note("cost_usd", cost.usd().into());
        }
        if completion.finish != FinishReason::Stop {
            note("finish", completion.finish.as_str().into());
        }
        if let Some(id) = completion.response_id {
            note(RESPONSE_ID, id.into());
        }
        self.provider = Some(completion.provider);
        self.model = Some(completion.model);
        self.finish = completion.finish;
        self.unsaved.push(message);
    }

    /// Ends the answer that is arriving, if there is one, and keeps what came of it as a partial
    /// message; returns whether anything came.
    pub(super) fn interrupt(&mut self) -> bool {
        let Some(open) = self.open.take() else {
            return false;
        };
        self.spend(Some(open.usage()), open.cost());
        if open.is_empty() {
            return false;
        }
        self.unsaved.push(open.into_message());
        true
    }

    /// Returns all messages of the turn that are complete, oldest first.
    pub(super) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.saved.iter().chain(&self.unsaved)
    }

    /// Returns whether anything of an answer is kept.
    pub(super) fn has_answer(&self) -> bool {
        self.messages()
            .any(|message| matches!(message.role, Role::Assistant | Role::Tool))
    }

    /// Notes that messages are in the state now.
    pub(super) fn mark_saved(&mut self, messages: Vec<Message>) {
        for message in messages {
            self.unsaved.retain(|unsaved| unsaved.id != message.id);
            match self.saved.iter_mut().find(|saved| saved.id == message.id) {
                Some(saved) => *saved = message,
                None => self.saved.push(message),
            }
        }
    }

    /// Returns the response as it is now.
    pub(super) fn response(&self, record: &ConversationRecord, turn: &TurnRecord) -> ResponseParts {
        let mut response = ResponseParts::new(record.id.clone(), turn.id.clone(), turn.status);
        response.messages = self.messages().cloned().collect();
        response.usage = self.usage;
        response.cost = self.cost;
        response.finish = self.finish.clone();
        response.provider.clone_from(&self.provider);
        response.model.clone_from(&self.model);
        response.omitted_media.clone_from(&self.omitted_media);
        response.kept_inline.clone_from(&self.kept_inline);
        response.violations.clone_from(&self.violations);
        response.pending = turn.pending.iter().map(|call| call.token.clone()).collect();
        response
    }
}
