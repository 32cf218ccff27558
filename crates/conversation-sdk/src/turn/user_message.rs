//! The user's message: what it may hold, and its media in the store.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use conversation_events::{ConversationError, ConversationErrorKind as Kind, InlineFallback};
use conversation_externalizer::{Batch, BatchKind, PendingReferences};
use conversation_lifecycle::{MediaSlot, media_owner};
use conversation_state::{Applied, LoadedConversation, StateErrorKind, StateWrite, WriteOutcome};
use conversation_types::{Message, Part, Role};
use futures_util::FutureExt;
use media_loader::MediaLoader;
use media_types::{MediaContent, MediaSource};
use prompt_pack::MediaProperties;

use super::turn::TurnScope;
use crate::core::Core;
use crate::middleware::panicked;
use crate::policy::ForeignMedia;
use crate::prompt::ResolvedPrompt;

/// A user's message whose media is in the store and that the state does not have yet.
#[derive(Debug)]
pub(super) struct UserInput {
    pub(super) message: Message,
    pub(super) media: InputMedia,
}

/// The media of a user's message.
#[derive(Debug)]
pub(super) struct InputMedia {
    pub(super) pending: PendingReferences,
    pub(super) kept_inline: Vec<InlineFallback>,
    /// Held until a write names the media.
    pub(super) slot: MediaSlot,
}

impl InputMedia {
    /// Writes what names the media. It is taken back where that certainly did not happen.
    ///
    /// # Errors
    /// `Conflict` where a race was lost, `StateOutcomeUnknown`, `State`.
    pub(super) async fn write(
        &mut self,
        scope: &TurnScope,
        write: StateWrite,
    ) -> Result<Box<Applied>, ConversationError> {
        let slot = std::mem::take(&mut self.slot);
        let pending = &mut self.pending;
        // From here on it is not taken back unless the write certainly did not happen, also when the caller goes.
        pending.begin_write();
        let writing = async {
            match scope.core.writer().write(write).await {
                WriteOutcome::Committed(applied) => {
                    pending.commit();
                    Ok(applied)
                }
                WriteOutcome::NotCommitted(error) => {
                    use StateErrorKind::{Conflict, KeyTaken};
                    if matches!(error.kind(), Conflict | KeyTaken) && scope.looks_again() {
                        // The next attempt fetches nothing again.
                        scope.fetched.keep_from(pending);
                    }
                    pending.rollback().await;
                    Err(error.into())
                }
                WriteOutcome::Indeterminate(error) => {
                    pending.keep();
                    Err(ConversationError::new(Kind::StateOutcomeUnknown).with_source(error))
                }
            }
        };
        slot.writing(Box::pin(writing)).await
    }
}

impl UserInput {
    /// Checks a message and stores its media: all of it, or none.
    ///
    /// # Errors
    /// `InvalidInput`, `MediaNotAccepted`, `Media`, `Storage`, `Busy`, `NotFound`, `LeaseLost`, `Cancelled`; nothing
    /// is left in the store.
    pub(super) async fn prepare(
        scope: &TurnScope,
        loaded: &LoadedConversation,
        message: Message,
    ) -> Result<Self, ConversationError> {
        check_not_empty(&message)?;
        let mut messages = vec![message];
        before_save(&scope.core, &mut messages).await?;
        let mut message =
            (messages.pop()).ok_or_else(|| invalid("middleware removed the message"))?;
        // Media that stands in a text is as large as that.
        let threshold = scope.core.config.threshold_bytes();
        let is_small =
            |part: &Part| matches!(part, Part::Text(text) if (text.text.len() as u64) < threshold);
        let stores = !message.content.iter().all(is_small);
        let user = loaded.record.user.as_ref().filter(|_| stores);
        let slot = tokio::select! {
            slot = scope.core.lifecycle.take_turn_slot(user) => slot?,
            reason = scope.stop.stopped() => return Err(reason.error()),
        };
        let mut pending = scope.core.pending_references();
        let storing = async {
            let stored = store(scope, loaded, &mut message, &mut pending).await;
            if stored.is_err() {
                // What is left is deleted behind it: a store that hangs holds up no stop.
                let _ = tokio::time::timeout(AFTER_STOP, pending.rollback()).await;
            }
            stored
        };
        let (kept_inline, slot) = slot.storing(Box::pin(storing)).await?;
        let media = InputMedia {
            pending,
            kept_inline,
            slot,
        };
        Ok(Self { message, media })
    }
}

/// How long media of a message is stored on after its turn was stopped.
const AFTER_STOP: Duration = Duration::from_secs(2);

/// Stores the media of a message, as [`UserInput::prepare`] does. What was stored before an error is pending.
async fn store(
    scope: &TurnScope,
    loaded: &LoadedConversation,
    message: &mut Message,
    pending: &mut PendingReferences,
) -> Result<Vec<InlineFallback>, ConversationError> {
    let mut storing = pin!(store_to_end(scope, loaded, message, pending));
    tokio::select! {
        biased;
        stored = &mut storing => stored,
        reason = scope.stop.stopped() => {
            // With its media the message is kept, in a turn that ends before it asks anything.
            let stored = tokio::time::timeout(AFTER_STOP, storing);
            stored.await.unwrap_or_else(|_| Err(reason.error()))
        }
    }
}

async fn store_to_end(
    scope: &TurnScope,
    loaded: &LoadedConversation,
    message: &mut Message,
    pending: &mut PendingReferences,
) -> Result<Vec<InlineFallback>, ConversationError> {
    let (core, record) = (&scope.core, &loaded.record);
    // Media of other owners is refused, and uploads of the same user are copied.
    if core.config.foreign_media() != ForeignMedia::Allow {
        core.adopt_uploads(record, message, pending).await?;
    }
    check_media(&scope.prompt, &core.loader, message).await?;
    let is_url = |media: &MediaContent| matches!(media.source(), MediaSource::Url(_));
    let has_urls = message.media().any(is_url);
    let owner = media_owner(record);
    let earlier: Vec<&Message> = loaded.messages.iter().map(|m| &m.message).collect();
    let batch = Batch::new(&owner, record.message_count, BatchKind::User)
        .with_earlier(&earlier)
        .with_fetched(&scope.fetched);
    let messages = std::slice::from_mut(message);
    let externalizing = core.externalizer.externalize(&batch, messages, pending);
    let kept = externalizing.await?.inline_fallbacks.into_iter();
    // What was fetched has a size and a type only now.
    if has_urls {
        check_media(&scope.prompt, &core.loader, message).await?;
    }
    Ok(kept.map(InlineFallback::from).collect())
}

fn invalid(detail: &'static str) -> ConversationError {
    ConversationError::new(Kind::InvalidInput).with_detail(detail)
}

fn check_not_empty(message: &Message) -> Result<(), ConversationError> {
    let says_something = message.role != Role::User
        || message.content.iter().any(|part| match part {
            Part::Text(text) => !text.text.is_empty(),
            _ => true,
        });
    match says_something {
        true => Ok(()),
        false => Err(invalid("the message is empty")),
    }
}

/// Runs the middleware over messages before they are written.
///
/// # Errors
/// The middleware's own; `Panicked`.
pub(crate) async fn before_save(
    core: &Core,
    messages: &mut Vec<Message>,
) -> Result<(), ConversationError> {
    // A write without messages is nothing to look at.
    if messages.is_empty() {
        return Ok(());
    }
    for middleware in &core.middleware {
        let ran = AssertUnwindSafe(middleware.before_save(messages))
            .catch_unwind()
            .await;
        ran.unwrap_or_else(|_| {
            let what = format!("the middleware {middleware:?}, before saving");
            Err(panicked(what))
        })?;
    }
    Ok(())
}

/// Checks the media of a message against the limits of the prompt.
async fn check_media(
    prompt: &ResolvedPrompt,
    loader: &MediaLoader,
    message: &Message,
) -> Result<(), ConversationError> {
    let Some(config) = prompt.prompt().and_then(|prompt| prompt.media()) else {
        return Ok(());
    };
    let mut properties = Vec::new();
    for media in message.media() {
        properties.push(properties_of(loader, media).await);
    }
    match config.check(properties).first() {
        None => Ok(()),
        Some(violation) => {
            Err(ConversationError::new(Kind::MediaNotAccepted).with_detail(violation.to_string()))
        }
    }
}

async fn properties_of<'a>(loader: &MediaLoader, media: &'a MediaContent) -> MediaProperties<'a> {
    let mut properties = MediaProperties::from(media);
    // A file that cannot be read is found out when it is stored or sent.
    if let MediaSource::File(_) = media.source() {
        properties.size = loader.open(media).await.ok().and_then(|file| file.size);
    }
    properties
}
