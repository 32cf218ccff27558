//! What the peer answers: a call of the image tool, a sentence about the painted image, or what it sees.

use serde_json::{Value, json};

use super::transcript::{Message, OfferedTool, Role, Transcript};
use crate::peer::refusal::Refusal;
use crate::peer::{painter, photos, text_tokens};

#[derive(Debug)]
pub(super) enum Reply {
    Text(String),
    Call(Call),
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
}

impl Reply {
    pub(super) fn to(transcript: &Transcript) -> Result<Self, Refusal> {
        if let Some(outcome) = tool_outcome(&transcript.messages) {
            return Ok(Self::Text(outcome));
        }
        let asked = transcript
            .messages
            .iter()
            .rev()
            .find(|message| message.role == Role::User);
        let asked = asked.ok_or_else(|| {
            Refusal::invalid("This local peer answers users, and no user has spoken.")
        })?;
        let tool = transcript
            .tools
            .iter()
            .find(|tool| tool.takes_prompt && !transcript.tools_forbidden);
        match tool {
            Some(_) if is_question(&asked.text) => {
                Ok(Self::Text(painted_so_far(&transcript.messages)))
            }
            Some(tool) if asked.photos.is_empty() => Ok(Self::Call(Call::paint(tool, &asked.text))),
            _ => Ok(Self::Text(see(&transcript.messages))),
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Call(_) => None,
        }
    }

    pub(super) fn call(&self) -> Option<&Call> {
        match self {
            Self::Text(_) => None,
            Self::Call(call) => Some(call),
        }
    }

    pub(super) fn finish_reason(&self) -> &'static str {
        match self {
            Self::Text(_) => "stop",
            Self::Call(_) => "tool_calls",
        }
    }

    pub(super) fn tokens(&self) -> u64 {
        match self {
            Self::Text(text) => text_tokens(text),
            Self::Call(call) => text_tokens(&call.name) + text_tokens(&call.arguments),
        }
    }
}

impl Call {
    fn paint(tool: &OfferedTool, wish: &str) -> Self {
        let mut arguments = json!({"prompt": subject(wish)});
        if tool.takes_size {
            arguments["size"] = json!(painter::Size::SQUARE.to_string());
        }
        Self {
            id: format!("call_{}", uuid::Uuid::new_v4().simple()),
            name: tool.name.clone(),
            arguments: arguments.to_string(),
        }
    }
}

/// The sentence that follows a tool's result; none when the last word is not a tool's.
///
/// Tool messages carry text only, so that the images of a tool may follow in user messages of their own.
fn tool_outcome(messages: &[Message]) -> Option<String> {
    let caller = messages
        .iter()
        .rposition(|message| message.role == Role::Assistant)?;
    let (before, after) = messages.split_at_checked(caller + 1)?;
    let result = after
        .iter()
        .rev()
        .find(|message| message.role == Role::Tool)?;
    if after
        .iter()
        .any(|message| message.role == Role::User && message.photos.is_empty())
    {
        return None;
    }
    if let Some(problem) = failure(&result.text) {
        return Some(format!("The image could not be made: {problem}"));
    }
    let arguments = before
        .last()
        .and_then(|message| message.calls.last())
        .map(|(_, arguments)| arguments.as_str());
    Some(match prompt_of(arguments.unwrap_or_default()) {
        Some(prompt) => format!(
            "Here is {}: {}.",
            with_article(&prompt),
            painter::describe(&prompt)
        ),
        None => "Done.".to_owned(),
    })
}

/// The reason that a tool's result gives, if it tells of a failure.
fn failure(result: &str) -> Option<String> {
    if let Ok(Value::Object(fields)) = serde_json::from_str(result) {
        let error = fields.get("error")?;
        let text = error
            .as_str()
            .or_else(|| error.get("message").and_then(Value::as_str));
        return Some(text.unwrap_or("the tool gave no reason").to_owned());
    }
    let result = result.trim();
    let reason = result
        .strip_prefix("error")
        .or_else(|| result.strip_prefix("Error"))?;
    Some(reason.trim_start_matches([':', ' ']).to_owned())
}

fn prompt_of(arguments: &str) -> Option<String> {
    let arguments: Value = serde_json::from_str(arguments).ok()?;
    arguments
        .get("prompt")
        .and_then(Value::as_str)
        .map(str::to_owned)
}

/// "Generate a red apple" asks for "a red apple".
fn subject(wish: &str) -> String {
    const VERBS: [&str; 10] = [
        "generate", "create", "design", "paint", "draw", "make", "render", "sketch", "show",
        "imagine",
    ];
    const FILLERS: [&str; 8] = ["please", "me", "us", "now", "can", "could", "you", "then"];
    let mut words: Vec<&str> = wish.split_whitespace().collect();
    let plain = |word: &str| {
        word.trim_matches(|c: char| !c.is_alphanumeric())
            .to_lowercase()
    };
    let start = words
        .iter()
        .take(6)
        .position(|word| VERBS.contains(&plain(word).as_str()))
        .map_or(0, |verb| verb + 1);
    words.drain(..start);
    while words.len() > 1
        && words
            .first()
            .is_some_and(|word| FILLERS.contains(&plain(word).as_str()))
    {
        words.remove(0);
    }
    let subject = words.join(" ");
    let subject = subject.trim_end_matches(['.', '!', '?']).trim();
    if subject.is_empty() {
        wish.trim().to_owned()
    } else {
        subject.to_owned()
    }
}

fn with_article(subject: &str) -> String {
    let mut letters = subject.chars();
    let Some(first) = letters.next() else {
        return "your image".to_owned();
    };
    let subject = first.to_lowercase().chain(letters).collect::<String>();
    let known = [
        "a ", "an ", "the ", "some ", "my ", "your ", "two ", "three ",
    ];
    if known.iter().any(|article| subject.starts_with(article)) {
        subject
    } else {
        format!("your image of {subject}")
    }
}

fn is_question(text: &str) -> bool {
    let text = text.trim().to_lowercase();
    let first = text.split_whitespace().next().unwrap_or_default();
    text.ends_with('?')
        && [
            "what", "which", "who", "how", "when", "where", "why", "did", "do", "is", "are",
        ]
        .contains(&first)
}

fn painted_so_far(messages: &[Message]) -> String {
    let prompts: Vec<String> = messages
        .iter()
        .flat_map(|message| &message.calls)
        .filter_map(|(_, arguments)| prompt_of(arguments))
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

/// What is in the images of the whole conversation, turn by turn.
fn see(messages: &[Message]) -> String {
    let turns: Vec<&Message> = messages
        .iter()
        .filter(|message| message.role == Role::User)
        .collect();
    let newest = turns.len();
    let mut lines = Vec::new();
    for (turn, message) in turns.iter().enumerate() {
        for photo in &message.photos {
            let when = if turn + 1 == newest {
                "new"
            } else {
                "sent again"
            };
            lines.push(format!(
                "{}. {} ({when}, from turn {})",
                lines.len() + 1,
                photo.describe(),
                turn + 1
            ));
        }
    }
    match lines.len() {
        0 => "I see no image in this conversation.".to_owned(),
        1 => format!("I see 1 image:\n{}", lines.concat()),
        count => format!(
            "I see {count} images{}:\n{}",
            photos::twins(turns.iter().flat_map(|turn| &turn.photos)),
            lines.join("\n")
        ),
    }
}
