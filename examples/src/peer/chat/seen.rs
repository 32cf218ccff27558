//! What the peer sees and hears in a conversation.

use serde_json::Value;

use super::message::Message;
use super::part::Role;
use crate::peer::attachment::{Attachment, list};

/// The prompts that were painted.
pub(super) fn painted_so_far(messages: &[Message]) -> String {
    let prompts: Vec<String> = messages
        .iter()
        .flat_map(|message| &message.calls)
        .filter_map(|call| prompt_of(&call.arguments))
        .collect();
    match prompts.as_slice() {
        [] => "Nothing is painted yet. Tell me what you would like to see.".to_owned(),
        [one] => format!("So far there is one image in this conversation: {one}."),
        many => format!(
            "So far there are {} images in this conversation: {}.",
            many.len(),
            many.join("; ")
        ),
    }
}

fn prompt_of(arguments: &str) -> Option<String> {
    let arguments: Value = serde_json::from_str(arguments).ok()?;
    arguments
        .get("prompt")
        .and_then(Value::as_str)
        .map(str::to_owned)
}

/// What is in the media of the whole conversation, turn by turn.
pub(super) fn describe(messages: &[Message]) -> String {
    let mut turn = 0;
    let mut seen = Vec::new();
    let mut after_tool = false;
    for message in messages {
        // Media of tools follows their results in messages of its own.
        turn += usize::from(message.role == Role::User && !after_tool);
        after_tool = message.role == Role::Tool;
        seen.extend(message.attachments.iter().map(|one| (turn, one)));
    }
    if seen.is_empty() {
        return "I see no image in this conversation.".to_owned();
    }
    let lines = seen.iter().map(|(from, one)| {
        let when = match *from == turn {
            true => "new",
            false => "sent again",
        };
        format!("{} ({when}, from turn {from})", one.describe())
    });
    let all: Vec<&Attachment> = seen.iter().map(|(_, one)| *one).collect();
    list(&all, lines)
}

/// What is in the media that came with the results of tools.
pub(super) fn describe_results(messages: &[Message]) -> String {
    let all: Vec<&Attachment> = messages
        .iter()
        .flat_map(|message| &message.attachments)
        .collect();
    let lines: Vec<String> = all.iter().map(|one| one.describe()).collect();
    list(&all, lines)
}
