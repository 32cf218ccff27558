//! How an API wants the conversation.

use conversation_types::RawJson;

use super::call_ids::CallIds;

/// How an API wants the conversation.
#[derive(Debug)]
pub(crate) struct TranscriptRules {
    /// The family of the API: whose files, opaque items and provider data go out.
    pub(crate) family: &'static str,
    /// Whether the system prompt is the first message.
    pub(crate) system_is_message: bool,
    /// Whether items that stand for themselves have a place.
    pub(crate) takes_opaque_items: bool,
    /// The ids that calls may have.
    pub(crate) call_ids: CallIds,
    /// Whether audio of the model goes back by the id that it came with.
    pub(crate) names_audio: bool,
    /// Whether media may stand in the result of a tool, by the model.
    pub(crate) media_in_results: fn(&str) -> bool,
    /// Whether media may stand in a message of the model, by the family's data that belongs to it.
    pub(crate) media_in_answers: fn(Option<&RawJson>) -> bool,
}
