//! What a prompt takes: its limits for media, its validators of answers.

use media_types::{MediaContent, MediaSource};

use crate::error::{ConversationError, ConversationErrorKind};
use crate::manager::Core;
use crate::message::Message;
use crate::pack::{MediaFacts, Prompt, Violation};

/// Checks the media of a user's message against the limits of the prompt.
pub(super) async fn check_media(
    core: &Core,
    prompt: &Prompt,
    message: &Message,
) -> Result<(), ConversationError> {
    let Some(config) = prompt.media() else {
        return Ok(());
    };
    let media: Vec<&MediaContent> = message.media().collect();
    let mut facts = Vec::with_capacity(media.len());
    for content in &media {
        facts.push(facts_of(core, content).await);
    }
    match config.check(&facts).first() {
        None => Ok(()),
        Some(violation) => Err(
            ConversationError::new(ConversationErrorKind::MediaNotAccepted)
                .with_detail(violation.to_string()),
        ),
    }
}

async fn facts_of<'a>(core: &Core, content: &'a MediaContent) -> MediaFacts<'a> {
    let has = |name: &str| {
        content
            .attribute(name)
            .and_then(|value| value.as_str())
            .is_some_and(|text| !text.is_empty())
    };
    let mut facts = MediaFacts::new(content.mime())
        .with_caption(has("caption"))
        .with_metadata(has("title") || has("description"));
    let size = match content.source() {
        // A file that cannot be read is found out when it is externalized or sent.
        MediaSource::File(_) => core
            .loader
            .open(content)
            .await
            .ok()
            .and_then(|file| file.size),
        _ => content.size(),
    };
    if let Some(size) = size {
        facts = facts.with_size(size);
    }
    if let Some(duration) = content.duration() {
        facts = facts.with_duration(duration);
    }
    if let Some(pages) = content.attribute("pages").and_then(|pages| pages.as_u64()) {
        facts = facts.with_pages(pages);
    }
    facts
}

/// Runs the validators of the prompt over an answer. Those that fail it make an error of the first
/// such violation; the rest is for the report.
pub(super) fn check_answer(prompt: &Prompt, text: &str) -> (Vec<Violation>, Option<Violation>) {
    let violations = prompt.validators().check(text);
    let failure = violations.iter().find(|one| one.is_failure()).cloned();
    (violations, failure)
}

pub(super) fn rejected(violation: &Violation) -> ConversationError {
    ConversationError::new(ConversationErrorKind::AnswerRejected)
        .with_detail(violation.message().to_owned())
}
