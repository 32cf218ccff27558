//! The last step of a turn: media of the answer into the store, then the state. It runs as a task
//! of its own, so that it is never half seen.

use std::sync::Arc;
use std::time::{Duration, Instant};

use media_types::ConversationId;
use uuid::Uuid;

use super::limits;
use super::prepared::Prepared;
use super::response::{Response, Spent};
use crate::error::ConversationError;
use crate::externalize::{Externalizer, Minted, held_by, is_for_good, references_of, take_in_all};
use crate::listener::{Event, KeptInline};
use crate::manager::Core;
use crate::message::{Message, Role};
use crate::pack::Violation;
use crate::receive::ReceivedMedia;
use crate::state::{ConversationRecord, StateError, StateErrorKind, Window};

/// How many messages of an older history are externalized at a time, and for how long in one turn.
const HISTORY_CHUNK: u64 = 8;
const HISTORY_TIME: Duration = Duration::from_secs(2);

/// A turn that has its answer and is to be saved.
pub(super) struct Unsaved {
    pub(super) core: Arc<Core>,
    pub(super) prepared: Prepared,
    /// As it was read at the beginning of the turn.
    pub(super) record: ConversationRecord,
    /// The user's message with its media already externalized, and everything after it.
    pub(super) messages: Vec<Message>,
    pub(super) minted: Minted,
    pub(super) received: Arc<ReceivedMedia>,
    pub(super) spent: Spent,
    pub(super) kept_inline: Vec<KeptInline>,
    pub(super) violations: Vec<Violation>,
    pub(super) started: Instant,
}

/// A turn that was saved.
pub(super) struct Saved {
    pub(super) record: ConversationRecord,
    pub(super) response: Response,
}

impl Unsaved {
    /// Stores and appends; or leaves everything as it was before the turn.
    pub(super) async fn save(mut self) -> Result<Saved, ConversationError> {
        for middleware in &self.core.middleware {
            middleware.before_save(&mut self.messages);
        }
        let mut answer = answer(&self.messages);
        match self.store_and_append().await {
            Ok(record) => {
                let record = self.externalize_history(record).await;
                let usage = self.spent.usage;
                self.core.listeners.tell(&Event::TurnSaved {
                    conversation: record.id.clone(),
                    messages: self.messages.len(),
                    usage,
                    cost: self.spent.cost,
                    duration: self.started.elapsed(),
                });
                Ok(Saved {
                    response: response(self, &record.id),
                    record,
                })
            }
            Err(error) => {
                take_in_all(&mut answer, &self.received).await;
                self.messages = answer;
                self.kept_inline.clear();
                let id = self.record.id.clone();
                Err(error.with_answer(response(self, &id)))
            }
        }
    }

    /// Leaves everything as it was before the turn; the error keeps the answer.
    pub(super) async fn give_up(mut self, error: ConversationError) -> ConversationError {
        let minted = std::mem::replace(&mut self.minted, self.core.minted());
        minted.rollback().await;
        self.messages = answer(&self.messages);
        take_in_all(&mut self.messages, &self.received).await;
        self.kept_inline.clear();
        let id = self.record.id.clone();
        error.with_answer(response(self, &id))
    }

    async fn store_and_append(&mut self) -> Result<ConversationRecord, ConversationError> {
        let base = self.record.messages;
        let mut minted = std::mem::replace(&mut self.minted, self.core.minted());
        if let Some(externalizer) = &self.core.externalizer {
            // What of the user's message the store took is a reference by now; anything else came
            // from middleware, unless the store failed for it: then it is not asked again so soon.
            let whole = self.kept_inline.is_empty();
            let batch = externalizer.externalize(
                &self.record,
                base,
                &mut self.messages,
                |message| whole || message.role != Role::User,
                &self.received,
                &mut minted,
            );
            match batch.await {
                Ok(kept) => self.kept_inline.extend(kept),
                Err(error) => {
                    minted.rollback().await;
                    return Err(error);
                }
            }
        }
        let mut record = self.record.clone();
        record.externalized = self.externalized(base);
        let write = Uuid::new_v4().to_string();
        record.last_write = Some(write.clone());
        let appended = self
            .core
            .state
            .append(&record, self.record.version, &self.messages)
            .await;
        match settled(&self.core, &record, &write, appended).await {
            Written::Yes(record) => {
                let held = held_by(&self.messages);
                minted
                    .keep_held(|reference| held.contains(reference.id()))
                    .await;
                Ok(*record)
            }
            Written::No(error) => {
                minted.rollback().await;
                Err(error.into())
            }
            Written::Unknown(error) => {
                // The state may hold the references: better orphans than references to nothing.
                minted.keep();
                Err(error.into())
            }
        }
    }

    /// How far the history is externalized once this turn is appended.
    fn externalized(&self, base: u64) -> u64 {
        if self.core.externalizer.is_none() || self.record.externalized < base {
            return self.record.externalized;
        }
        self.to_be_tried_again()
            .map(|kept| kept.message_index)
            .min()
            .unwrap_or(base + self.messages.len() as u64)
    }

    /// What this turn keeps inline because the store fails now.
    fn to_be_tried_again(&self) -> impl Iterator<Item = &KeptInline> {
        let failed = |kept: &&KeptInline| kept.storage_error.is_some_and(|kind| !is_for_good(kind));
        self.kept_inline.iter().filter(failed)
    }

    /// Externalizes what an older history holds inline, some messages each turn. The turn is saved
    /// already; whatever fails here is tried again with the next one.
    async fn externalize_history(&self, mut record: ConversationRecord) -> ConversationRecord {
        let Some(externalizer) = &self.core.externalizer else {
            return record;
        };
        let store_fails = self.to_be_tried_again().next().is_some();
        if store_fails || !self.core.config.externalize_history() {
            return record;
        }
        let started = Instant::now();
        while record.externalized < record.messages && started.elapsed() < HISTORY_TIME {
            match self.externalize_chunk(externalizer, &record).await {
                Ok(Some(next)) => record = next,
                Ok(None) => break,
                Err(error) => {
                    tracing::debug!(%error, "the older history stays inline for now");
                    break;
                }
            }
        }
        record
    }

    /// Returns the record after the next messages were done, or nothing where the store fails.
    async fn externalize_chunk(
        &self,
        externalizer: &Externalizer,
        record: &ConversationRecord,
    ) -> Result<Option<ConversationRecord>, StateError> {
        let from = record.externalized;
        let window = Window::Range(from..from + HISTORY_CHUNK);
        let Some(loaded) = self.core.state.load(&record.id, window).await? else {
            return Ok(None);
        };
        let mut messages = loaded.messages;
        let mut minted = self.core.minted();
        let before: Vec<usize> = messages.iter().map(count_references).collect();
        let (done, _) = externalizer
            .externalize_history(record, from, &mut messages, &mut minted)
            .await;
        if done == 0 {
            return Ok(None);
        }
        let changed: Vec<(u64, Message)> = messages
            .into_iter()
            .zip(before)
            .enumerate()
            .filter(|(_, (message, before))| count_references(message) != *before)
            .map(|(index, (message, _))| (from + index as u64, message))
            .collect();
        let mut next = record.clone();
        next.externalized = from + done as u64;
        let write = Uuid::new_v4().to_string();
        next.last_write = Some(write.clone());
        let replaced = self
            .core
            .state
            .replace(&next, record.version, &changed)
            .await;
        match settled(&self.core, record, &write, replaced).await {
            Written::Yes(record) => {
                minted.keep();
                Ok(Some(*record))
            }
            Written::No(error) => {
                minted.rollback().await;
                Err(error)
            }
            Written::Unknown(error) => {
                minted.keep();
                Err(error)
            }
        }
    }
}

/// What the model and its tools said, with the bytes of their media.
fn answer(messages: &[Message]) -> Vec<Message> {
    let is_theirs = |message: &&Message| message.role != Role::User;
    messages.iter().filter(is_theirs).cloned().collect()
}

fn count_references(message: &Message) -> usize {
    let mut count = 0;
    references_of(message, &mut |_| count += 1);
    count
}

fn response(unsaved: Unsaved, id: &ConversationId) -> Response {
    Response::new(
        id.clone(),
        unsaved.messages,
        unsaved.spent,
        unsaved.kept_inline,
        unsaved.violations,
    )
}

/// Whether a write has happened.
enum Written {
    Yes(Box<ConversationRecord>),
    No(StateError),
    Unknown(StateError),
}

/// Finds out whether a write that failed has happened all the same: its answer may have got lost
/// on the way. `before` is the record that the write was based on.
async fn settled(
    core: &Core,
    before: &ConversationRecord,
    write: &str,
    written: Result<ConversationRecord, StateError>,
) -> Written {
    let error = match written {
        Ok(record) => return Written::Yes(Box::new(record)),
        Err(error) => error,
    };
    match core.state.load(&before.id, Window::Record).await {
        Ok(Some(loaded)) if loaded.record.last_write.as_deref() == Some(write) => {
            Written::Yes(Box::new(loaded.record))
        }
        // Somebody else has written: instead of this write, which is a conflict, or after it.
        Ok(Some(loaded))
            if loaded.record.version > before.version
                && error.kind() != StateErrorKind::Conflict =>
        {
            Written::Unknown(error)
        }
        Ok(_) => Written::No(error),
        Err(_) => Written::Unknown(error),
    }
}

/// Runs the validators of the prompt over the answer.
///
/// # Errors
/// `AnswerRejected`, with the answer.
pub(super) fn validate(unsaved: &mut Unsaved) -> Result<(), ConversationError> {
    let text = unsaved
        .messages
        .iter()
        .rfind(|message| message.role == Role::Assistant)
        .map(Message::text)
        .unwrap_or_default();
    let (violations, failure) = limits::check_answer(&unsaved.prepared.prompt, &text);
    unsaved.violations = violations;
    match failure {
        None => Ok(()),
        Some(violation) => Err(limits::rejected(&violation)),
    }
}
