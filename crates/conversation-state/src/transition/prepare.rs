//! Writes that are checked and encoded before anything is locked.

use std::collections::BTreeSet;

use conversation_types::{Message, MessageId, Role, TurnId};
#[cfg(any(feature = "postgres", feature = "redis"))]
use {
    conversation_types::{OpaqueData, Part, ProviderData},
    media_types::MediaSource,
};

use crate::error::StateError;
use crate::limits::StateLimits;
use crate::reference::ReferenceKey;
use crate::references::references_of;
use crate::transition::check::{self, Failures};
use crate::write::StateWrite;

/// The operation that errors of [`StateStore::apply`](crate::StateStore::apply) name.
pub(super) const APPLY: &str = "apply write to conversation";

/// A message as a store keeps it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EncodedMessage {
    /// The id.
    pub id: MessageId,
    /// The turn.
    pub turn: Option<TurnId>,
    /// The JSON.
    pub json: String,
    /// The references that the message holds.
    pub references: BTreeSet<ReferenceKey>,
    pub(super) is_user: bool,
}

/// A write that was checked as far as that needs no conversation, with its messages as JSON.
#[derive(Clone, Debug)]
pub struct PreparedWrite {
    pub(super) write: StateWrite,
    pub(super) append: Vec<EncodedMessage>,
    pub(super) replace: Vec<EncodedMessage>,
}

impl PreparedWrite {
    /// Checks and encodes a write.
    ///
    /// # Errors
    /// `TooLarge` for values beyond the limits; `InvalidInput` for steps that the fence does not
    /// allow, for a turn that is written twice, and for what JSON cannot hold.
    pub fn new(mut write: StateWrite, limits: StateLimits) -> Result<Self, StateError> {
        let id = write.conversation.clone();
        let failures = Failures::new(APPLY, id.as_str());
        check::write(&write, failures)?;
        // Only the encoded messages are kept: large ones are not held twice.
        let (append, replace) = (
            std::mem::take(&mut write.append),
            std::mem::take(&mut write.replace),
        );
        // A message that cannot be read stands for bytes that are never rewritten.
        let replace: Vec<Message> = replace
            .into_iter()
            .filter(|message| message.role != Role::Unknown)
            .collect();
        let mut total = 0;
        Ok(Self {
            append: encode(append, limits, &mut total, failures)?,
            replace: encode(replace, limits, &mut total, failures)?,
            write,
        })
    }

    /// About how many bytes of JSON the messages of a write are.
    #[cfg(any(feature = "postgres", feature = "redis"))]
    pub(crate) fn estimate(write: &StateWrite) -> usize {
        let messages = write.append.iter().chain(&write.replace);
        messages.map(weight).sum()
    }

    /// Returns the write. Its messages are encoded, and not in it any more.
    pub fn write(&self) -> &StateWrite {
        &self.write
    }
}

#[cfg(any(feature = "postgres", feature = "redis"))]
fn weight(message: &Message) -> usize {
    let data = |item: &OpaqueData| item.json().map_or(0, |json| json.get().len());
    let all = |of: &ProviderData| of.iter().map(|(_, item)| data(item)).sum::<usize>();
    let part = |part: &Part| match part {
        Part::Text(text) => text.text.len() + all(&text.provider_data),
        Part::Media(media) => match media.source() {
            MediaSource::Inline(bytes) => bytes.len().saturating_mul(4) / 3,
            _ => 0,
        },
        Part::Reasoning { text, opaque, .. } => {
            text.len() + opaque.as_ref().map_or(0, |(_, item)| data(item))
        }
        Part::Opaque { item, .. } => data(item),
        Part::Unknown(unknown) => unknown.json().get().len(),
        _ => 0,
    };
    let parts = message.content.iter().map(part);
    let calls = message.tool_calls.iter();
    let calls = calls.map(|call| call.arguments.len() + all(&call.provider_data));
    parts.chain(calls).sum()
}

fn encode(
    messages: Vec<Message>,
    limits: StateLimits,
    total: &mut usize,
    failures: Failures<'_>,
) -> Result<Vec<EncodedMessage>, StateError> {
    let encode = |message: Message| {
        let json = failures.json(&message, "a message")?;
        failures.bounded("bytes of a message", json.len(), limits.max_message_bytes)?;
        *total += json.len();
        failures.bounded("bytes of the messages", *total, limits.max_write_bytes)?;
        Ok(EncodedMessage {
            references: references_of(&message),
            is_user: message.role == Role::User,
            id: message.id,
            turn: message.turn,
            json,
        })
    };
    messages.into_iter().map(encode).collect()
}
