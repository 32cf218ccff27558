//! The history that goes with a turn.

use media_types::MediaType;

use crate::config::ManagerConfig;
use crate::error::{ConversationError, ConversationErrorKind};
use crate::manager::Core;
use crate::message::{Message, Part, Role};
use crate::pack::Prompt;
use crate::state::{ConversationRecord, ConversationStatus, Window};

/// A conversation at the beginning of a turn.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) record: ConversationRecord,
    pub(super) history: Vec<Message>,
}

/// Whether what is kept under an id is the conversation that is known by it: ids can be used again
/// once a conversation was deleted.
///
/// # Errors
/// `AlreadyExists` where the known one was never written, `NotFound` where it was.
pub(crate) fn check_same(
    known: &ConversationRecord,
    held: &ConversationRecord,
) -> Result<(), ConversationError> {
    if held.created_at == known.created_at {
        return Ok(());
    }
    Err(match known.version {
        0 => ConversationError::new(ConversationErrorKind::AlreadyExists),
        _ => ConversationError::new(ConversationErrorKind::NotFound)
            .with_detail("it was deleted, and another one was started under its id"),
    })
}

/// Reads the record and the history within its limits.
pub(super) async fn load(
    core: &Core,
    known: &ConversationRecord,
) -> Result<Context, ConversationError> {
    let window = match core.config.max_history_messages() {
        Some(messages) => Window::Newest(messages),
        None => Window::All,
    };
    let Some(loaded) = core.state.load(&known.id, window).await? else {
        // Never written is as it should be; written and gone is not.
        if known.version == 0 {
            return Ok(Context {
                record: known.clone(),
                history: Vec::new(),
            });
        }
        return Err(
            ConversationError::new(ConversationErrorKind::NotFound).with_detail("it was deleted")
        );
    };
    check_same(known, &loaded.record)?;
    match loaded.record.status {
        ConversationStatus::Active => {}
        ConversationStatus::Deleting => {
            return Err(ConversationError::new(ConversationErrorKind::NotFound)
                .with_detail("it was deleted"));
        }
        _ => return Err(ConversationError::new(ConversationErrorKind::Ended)),
    }
    let skip = cut(&core.config, loaded.first, &loaded.messages);
    let mut history = loaded.messages;
    history.drain(..skip);
    Ok(Context {
        record: loaded.record,
        history,
    })
}

/// Tells of the first part of the history that cannot be read; returns whether there is one.
pub(super) fn warn_of_unreadable(core: &Core, context: &Context) -> bool {
    let parts = context.history.iter().flat_map(|message| &message.content);
    let reason = parts.into_iter().find_map(|part| match part {
        Part::Unreadable(part) => Some(part.reason()),
        _ => None,
    });
    if let Some(reason) = reason {
        core.listeners.warn(
            Some(&context.record.id),
            format!("a part of the history cannot be read: {reason}"),
        );
    }
    reason.is_some()
}

/// How many of the messages that were read to leave out at the beginning, so that it moves in
/// steps and is no answer without its question.
fn cut(config: &ManagerConfig, first: u64, messages: &[Message]) -> usize {
    if first == 0 {
        return 0;
    }
    let step = config.max_history_messages().unwrap_or(0) as u64 / 4;
    let stepped = if step > 1 {
        (first.next_multiple_of(step) - first) as usize
    } else {
        0
    };
    let from = stepped.min(messages.len());
    let is_user = |message: &Message| message.role == Role::User;
    let later = || {
        messages
            .iter()
            .skip(from)
            .position(is_user)
            .map(|at| from + at)
    };
    let earlier = || messages.iter().take(from).rposition(is_user);
    later().or_else(earlier).unwrap_or_else(|| {
        // One turn longer than the window: at least no answers to calls that are cut off.
        messages
            .iter()
            .position(|message| message.role != Role::Tool)
            .unwrap_or(messages.len())
    })
}

/// What the pack says about how pictures are looked at, where the message does not say it.
pub(super) fn with_default_detail(prompt: &Prompt, messages: &mut [Message]) {
    let Some(detail) = prompt
        .media()
        .and_then(|media| media.limits(MediaType::Image))
        .and_then(|limits| limits.default_detail())
        .and_then(|word| word.parse().ok())
    else {
        return;
    };
    let parts = messages
        .iter_mut()
        .filter(|message| message.role == Role::User)
        .flat_map(|message| &mut message.content);
    for part in parts {
        if let Part::Media(content) = part
            && content.media_type() == MediaType::Image
            && content.detail().is_none()
        {
            *content = content.clone().with_detail(detail);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(roles: &str) -> Vec<Message> {
        let role = |c| match c {
            'u' => Role::User,
            'a' => Role::Assistant,
            _ => Role::Tool,
        };
        roles
            .chars()
            .map(|c| Message::new(role(c), vec![]))
            .collect()
    }

    #[test]
    fn the_window_begins_with_a_question() {
        let config = ManagerConfig::new().with_max_history_messages(Some(3));
        for (first, roles, expected) in [
            (0, "au", 0),
            (7, "tau", 2),
            (7, "uau", 0),
            (7, "tta", 2),
            (7, "ttt", 3),
        ] {
            assert_eq!(
                cut(&config, first, &messages(roles)),
                expected,
                "{first} {roles}"
            );
        }
    }

    #[test]
    fn the_beginning_moves_in_steps() {
        let config = ManagerConfig::new().with_max_history_messages(Some(16));
        let window = messages("uauauauauauauaua");
        let begins: Vec<u64> = (1..=20)
            .filter(|first| first % 2 == 0)
            .map(|first| first + cut(&config, first, &window) as u64)
            .collect();
        assert_eq!(begins, [4, 4, 8, 8, 12, 12, 16, 16, 20, 20]);
    }
}
