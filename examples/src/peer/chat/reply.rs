//! What the peer answers: a call of a tool, a sentence about what a tool returned, or what it sees.

use super::call::Call;
use super::part::Role;
use super::transcript::Transcript;
use super::{outcome, seen};
use crate::peer::refusal::Refusal;
use crate::peer::text_tokens;

#[derive(Debug)]
pub(super) enum Reply {
    Text(String),
    Call(Call),
}

impl Reply {
    pub(super) fn to(transcript: &Transcript) -> Result<Self, Refusal> {
        let messages = &transcript.messages;
        if let Some(outcome) = outcome::of_tools(messages) {
            return Ok(Self::Text(outcome));
        }
        let asked = messages
            .iter()
            .rev()
            .find(|message| message.role == Role::User);
        let asked = asked.ok_or_else(|| {
            Refusal::invalid("This local peer answers users, and no user has spoken.")
        })?;
        let tools: &[_] = match transcript.tools_forbidden {
            true => &[],
            false => &transcript.tools,
        };
        if let Some(painter) = tools.iter().find(|tool| tool.takes("prompt")) {
            if is_question(&asked.text) {
                return Ok(Self::Text(seen::painted_so_far(messages)));
            }
            if asked.attachments.is_empty() {
                let images = messages.iter().flat_map(|message| message.photos()).count();
                return Ok(Self::Call(Call::paint(painter, &asked.text, images)));
            }
        }
        let others = tools.iter().filter(|tool| !tool.takes("prompt"));
        let call = others.filter_map(|tool| Call::of(tool, &asked.text)).next();
        Ok(call.map_or_else(|| Self::Text(seen::describe(messages)), Self::Call))
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

fn is_question(text: &str) -> bool {
    let text = text.trim().to_lowercase();
    let first = text.split_whitespace().next().unwrap_or_default();
    text.ends_with('?')
        && [
            "what", "which", "who", "how", "when", "where", "why", "did", "do", "is", "are",
        ]
        .contains(&first)
}
