//! The manager: starts, resumes, lists and deletes conversations.
//!
//! # Map
//! - [`ConversationManager`] · `builder` · `core`: what conversations share · `deletion`: ending and
//!   deleting in steps · `tasks`: what outlives the futures that began it

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use media_loader::MediaLoader;
use media_storage::{SweepOptions, SweepReport};
use media_types::{ConversationId, SessionId, UserId};

mod builder;
mod core;
mod deletion;
mod tasks;

pub use builder::ConversationManagerBuilder;
pub(crate) use core::Core;
pub(crate) use deletion::end_conversation;
pub(crate) use tasks::Tasks;

use crate::conversation::{Conversation, ConversationConfig, Prepared};
use crate::error::{ConversationError, ConversationErrorKind};
use crate::listener::Event;
use crate::pack::PromptPack;
use crate::state::{ConversationFilter, ConversationRecord, ConversationStatus, Window};

/// Starts, resumes, lists and deletes conversations. Cheap to clone; clones are the same manager.
///
/// See the [crate's documentation](crate) for an example.
#[derive(Clone, Debug)]
pub struct ConversationManager {
    core: Arc<Core>,
}

impl ConversationManager {
    /// Starts building one.
    pub fn builder() -> ConversationManagerBuilder {
        ConversationManagerBuilder::default()
    }

    /// Reads a PromptPack from a file and reports what it warns of. Blocks while it reads: a few
    /// milliseconds for the 4 MiB that a pack may have.
    ///
    /// # Errors
    /// `Pack`, with file and place.
    pub fn load_pack(&self, path: impl AsRef<Path>) -> Result<PromptPack, ConversationError> {
        let pack = PromptPack::from_path(path)?;
        for warning in pack.warnings() {
            self.core
                .listeners
                .warn(None, format!("pack {}: {warning}", pack.id()));
        }
        Ok(pack)
    }

    /// How media of messages is read: for showing what a [`Response`](crate::Response) refers to.
    pub fn media_loader(&self) -> &MediaLoader {
        &self.core.loader
    }

    /// Starts a conversation. It is kept from its first turn on.
    ///
    /// # Errors
    /// `Pack` for an unknown prompt or a variable that is missing or wrong, `AlreadyExists`,
    /// `InvalidInput` for an id that is none, `State`, `Closed`.
    pub async fn new_conversation(
        &self,
        pack: &PromptPack,
        config: ConversationConfig,
    ) -> Result<Conversation, ConversationError> {
        self.open().await?;
        let prompt = pack.prompt(config.prompt())?;
        let record = config.record(&prompt, &self.core.run)?;
        if config.names_an_id() {
            let held = self.core.state.load(&record.id, Window::Record).await?;
            if let Some(held) = held {
                let error = ConversationError::new(ConversationErrorKind::AlreadyExists);
                return Err(match held.record.status {
                    ConversationStatus::Deleting => error
                        .with_detail("it is being deleted")
                        .with_hint("Choose another id, or wait until it is deleted"),
                    _ => error,
                });
            }
        }
        let prepared = Prepared::new(&self.core, prompt, config.variables(), &record.id)?;
        Ok(Conversation::new(Arc::clone(&self.core), prepared, record))
    }

    /// Goes on with a conversation, with the prompt and the variables that it was started with.
    ///
    /// The pack must have the id that the conversation was started with. It may have another
    /// version; that is reported as a warning, and the prompt of the given pack is used.
    ///
    /// # Errors
    /// `NotFound`, `PackMismatch`, `Pack` where the prompt is gone or needs a variable that was not
    /// given then, `State`, `Closed`.
    pub async fn resume(
        &self,
        pack: &PromptPack,
        id: &ConversationId,
    ) -> Result<Conversation, ConversationError> {
        self.open().await?;
        let not_found = || ConversationError::new(ConversationErrorKind::NotFound);
        let loaded = self.core.state.load(id, Window::Record).await?;
        let record = loaded.ok_or_else(not_found)?.record;
        if record.status == ConversationStatus::Deleting {
            return Err(not_found().with_detail("it was deleted"));
        }
        let Some(started_with) = &record.pack else {
            return Err(ConversationError::new(ConversationErrorKind::PackMismatch)
                .with_detail("its state does not name a pack"));
        };
        let prompt = pack.prompt_for(started_with)?;
        if started_with.version() != pack.version() {
            self.core.listeners.warn(
                Some(id),
                format!(
                    "started with version {} of the pack {}, resumed with {}",
                    started_with.version(),
                    pack.id(),
                    pack.version()
                ),
            );
        }
        let prepared = Prepared::new(&self.core, prompt, started_with.variables(), id)?;
        Ok(Conversation::new(Arc::clone(&self.core), prepared, record))
    }

    /// The conversations of a user, newest first, at most 1000; see
    /// [`find_conversations`](Self::find_conversations) for more.
    ///
    /// # Errors
    /// `InvalidInput` for an id that is none, `State`, `Closed`.
    pub async fn conversations(
        &self,
        user: impl AsRef<str> + Send,
    ) -> Result<Vec<ConversationRecord>, ConversationError> {
        let filter = ConversationFilter::new().with_user(UserId::new(user)?);
        self.find_conversations(&filter).await
    }

    /// The conversations of a session, newest first, at most 1000.
    ///
    /// # Errors
    /// As [`conversations`](Self::conversations).
    pub async fn session_conversations(
        &self,
        session: impl AsRef<str> + Send,
    ) -> Result<Vec<ConversationRecord>, ConversationError> {
        let filter = ConversationFilter::new().with_session(SessionId::new(session)?);
        self.find_conversations(&filter).await
    }

    /// The conversations that a filter accepts, newest first.
    ///
    /// # Errors
    /// `State`, `Closed`.
    pub async fn find_conversations(
        &self,
        filter: &ConversationFilter,
    ) -> Result<Vec<ConversationRecord>, ConversationError> {
        self.open().await?;
        Ok(self.core.state.list(filter).await?)
    }

    /// Deletes a conversation with the media that was stored for it: first a tombstone, then the
    /// references, then the state. One that is not there is no error.
    ///
    /// When it is cut short, by an error or by the end of the process, the conversation is gone for
    /// readers, and [`finish_deletions`](Self::finish_deletions) does the rest. Media that the
    /// history names but that was stored for someone else stays.
    ///
    /// # Errors
    /// `State`, `Storage`; call again. `Config` where the history names stored media and the manager
    /// has no media store.
    pub async fn delete_conversation(&self, id: &ConversationId) -> Result<(), ConversationError> {
        self.core.check_open()?;
        let (core, id) = (Arc::clone(&self.core), id.clone());
        deletion::on_task(&self.core, async move {
            deletion::delete_conversation(&core, &id).await
        })
        .await
    }

    /// Finishes what earlier calls of [`delete_conversation`](Self::delete_conversation) and
    /// [`Conversation::end`] have begun and could not finish; returns how many. A manager does this
    /// by itself, in the background, when it is first used.
    ///
    /// # Errors
    /// `State`, `Storage`: the first failure, after all were tried.
    pub async fn finish_deletions(&self) -> Result<usize, ConversationError> {
        self.core.check_open()?;
        self.core.deletions_looked_at.store(true, Ordering::Release);
        let core = Arc::clone(&self.core);
        deletion::on_task(&self.core, async move {
            deletion::finish_deletions(&core).await
        })
        .await
    }

    /// Removes media whose time has come, where the store can; see
    /// [`Inventory::sweep`](media_storage::Inventory::sweep).
    ///
    /// # Errors
    /// `Config` where there is no media store or it cannot sweep; `Storage`.
    pub async fn sweep(&self, options: SweepOptions) -> Result<SweepReport, ConversationError> {
        self.core.check_open()?;
        let storage = self.core.storage.as_ref();
        let Some(inventory) = storage.and_then(|storage| storage.inventory()) else {
            return Err(ConversationError::new(ConversationErrorKind::Config)
                .with_detail("there is no media store that can sweep"));
        };
        let report = inventory.sweep(options).await?;
        if report.expired > 0 && !options.dry_run() {
            self.core.listeners.tell(&Event::MediaExpired {
                references: report.expired,
                freed_bytes: report.freed_bytes,
            });
        }
        Ok(report)
    }

    /// Refuses every new turn, and waits for what is being saved or deleted. Turns that still wait
    /// for their model are left to whoever holds them. Stores are not closed; they may be shared.
    ///
    /// # Errors
    /// None now; later stores may have some.
    pub async fn shutdown(&self) -> Result<(), ConversationError> {
        self.core.closed.store(true, Ordering::Release);
        self.core.tasks.wait().await;
        Ok(())
    }

    /// Refuses work of a closed manager; on first use begins to finish what was left behind.
    async fn open(&self) -> Result<(), ConversationError> {
        self.core.check_open()?;
        if !self.core.deletions_looked_at.swap(true, Ordering::AcqRel) {
            let core = Arc::clone(&self.core);
            drop(self.core.tasks.spawn(async move {
                if let Err(error) = deletion::finish_deletions(&core).await {
                    tracing::warn!(%error, "deletions that were left behind stay unfinished");
                }
            }));
        }
        Ok(())
    }
}
