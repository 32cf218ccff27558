//! Events for code that counts, logs or shows what happens to media and turns.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use media_storage::{MediaMetadata, StorageErrorKind};
use media_types::{ConversationId, Mime, StorageReference};

use crate::usage::{Cost, TokenUsage};

/// Someone who is told what happens.
///
/// Called where it happens, in the middle of turns: be quick and do not block. A panic is logged and
/// changes nothing else. No event carries bytes, keys or signed URLs.
pub trait Listener: fmt::Debug + Send + Sync + 'static {
    /// Something happened.
    fn on_event(&self, event: &Event);
}

/// What happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// Media was stored.
    #[non_exhaustive]
    MediaStored {
        /// What stands for it now.
        reference: StorageReference,
        /// What was said about it: conversation, message, part and more.
        metadata: MediaMetadata,
        /// Its size in bytes.
        size: u64,
        /// How long it took.
        duration: Duration,
    },
    /// Stored media was opened.
    #[non_exhaustive]
    MediaRetrieved {
        /// Which.
        reference: StorageReference,
        /// Its size in bytes.
        size: u64,
        /// How long it took to open.
        duration: Duration,
    },
    /// Stored media was asked for that is not there: expired, deleted, or not this conversation's.
    #[non_exhaustive]
    MediaMissing {
        /// Which.
        reference: StorageReference,
    },
    /// A reference was deleted.
    #[non_exhaustive]
    MediaDeleted {
        /// Which.
        reference: StorageReference,
        /// How long it took.
        duration: Duration,
    },
    /// Media stays inline although it is to be externalized.
    MediaKeptInline(KeptInline),
    /// A sweep removed media whose time had come.
    #[non_exhaustive]
    MediaExpired {
        /// How many references.
        references: u64,
        /// Bytes of storage that became free.
        freed_bytes: u64,
    },
    /// A tool was called.
    #[non_exhaustive]
    ToolCalled {
        /// In which conversation.
        conversation: ConversationId,
        /// Which tool, as the model named it.
        name: String,
        /// Whether the model was told of an error.
        is_error: bool,
        /// How long it took.
        duration: Duration,
    },
    /// A turn was saved.
    #[non_exhaustive]
    TurnSaved {
        /// In which conversation.
        conversation: ConversationId,
        /// How many messages it added.
        messages: usize,
        /// What it consumed.
        usage: TokenUsage,
        /// What it cost, where the price is known.
        cost: Option<Cost>,
        /// How long it took.
        duration: Duration,
    },
    /// Something does not have its full effect.
    #[non_exhaustive]
    Warning {
        /// In which conversation, if in one.
        conversation: Option<ConversationId>,
        /// What.
        message: String,
    },
}

/// Media that stays inline although it is to be externalized, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeptInline {
    /// In which conversation.
    pub conversation: ConversationId,
    /// Position of the message in the conversation, from 0.
    pub message_index: u64,
    /// Position of the part in the message, from 0.
    pub content_index: u64,
    /// Its type.
    pub mime: Mime,
    /// Its size in bytes, where it is known.
    pub size: Option<u64>,
    /// What the store said; `None` where the media could not be read in the first place.
    pub storage_error: Option<StorageErrorKind>,
    /// Why, in one sentence.
    pub reason: String,
}

/// All listeners of a manager.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listeners(Arc<[Arc<dyn Listener>]>);

impl Listeners {
    pub(crate) fn new(listeners: Vec<Arc<dyn Listener>>) -> Self {
        Self(listeners.into())
    }

    /// Tells every listener, and the log.
    pub(crate) fn tell(&self, event: &Event) {
        log(event);
        for listener in &*self.0 {
            // Nothing of a turn may hang on whoever looks on.
            let told = catch_unwind(AssertUnwindSafe(|| listener.on_event(event)));
            if told.is_err() {
                tracing::error!(?listener, "a listener panicked");
            }
        }
    }

    pub(crate) fn warn(&self, conversation: Option<&ConversationId>, message: impl Into<String>) {
        self.tell(&Event::Warning {
            conversation: conversation.cloned(),
            message: message.into(),
        });
    }
}

fn log(event: &Event) {
    let ms = |duration: &Duration| duration.as_millis() as u64;
    match event {
        Event::MediaStored {
            reference,
            size,
            duration,
            ..
        } => {
            tracing::debug!(
                media = reference.file_name(),
                bytes = size,
                ms = ms(duration),
                "media stored"
            );
        }
        Event::MediaRetrieved {
            reference,
            size,
            duration,
        } => {
            tracing::debug!(
                media = reference.file_name(),
                bytes = size,
                ms = ms(duration),
                "media opened"
            );
        }
        Event::MediaMissing { reference } => {
            tracing::warn!(media = reference.file_name(), "media is not there");
        }
        Event::MediaDeleted {
            reference,
            duration,
        } => {
            tracing::debug!(
                media = reference.file_name(),
                ms = ms(duration),
                "media deleted"
            );
        }
        Event::MediaKeptInline(kept) => {
            tracing::warn!(
                conversation = %kept.conversation,
                message = kept.message_index,
                part = kept.content_index,
                bytes = kept.size,
                reason = %kept.reason,
                "media stays inline"
            );
        }
        Event::MediaExpired {
            references,
            freed_bytes,
        } => {
            tracing::info!(references, freed_bytes, "expired media removed");
        }
        Event::ToolCalled {
            name,
            is_error,
            duration,
            ..
        } => {
            tracing::debug!(tool = %name, is_error, ms = ms(duration), "tool called");
        }
        Event::TurnSaved {
            conversation,
            messages,
            duration,
            ..
        } => {
            tracing::debug!(%conversation, messages, ms = ms(duration), "turn saved");
        }
        Event::Warning {
            conversation,
            message,
        } => {
            tracing::warn!(
                conversation = conversation.as_ref().map(ConversationId::as_str),
                "{message}"
            );
        }
    }
}
